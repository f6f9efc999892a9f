import { isToken } from '../http1/characters.ts';

/** One element of Sec-WebSocket-Extensions. A parameter without a value has `undefined`. */
export interface Extension {
  readonly name: string;
  readonly parameters: readonly (readonly [name: string, value: string | undefined])[];
}

const MAX_HEADER_CHARS = 2_048;
const MAX_EXTENSIONS = 16;
/** `token [ "=" ( token | quoted-string ) ]` with the blanks that may stand round it (RFC 6455 section 9.1). */
const ITEM = /^[ \t]*([^\s=;,"]+)[ \t]*(?:=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([^\s=;,"]+))[ \t]*)?(?=[;,]|$)/;

/** The field lines of Sec-WebSocket-Extensions together; undefined when they are malformed or too many. */
export function readExtensions(values: readonly string[]): Extension[] | undefined {
  let rest = values.join(',');
  if (rest.length > MAX_HEADER_CHARS) return undefined;
  const extensions: { name: string; parameters: [string, string | undefined][] }[] = [];
  let isName = true;
  while (rest !== '') {
    // Empty elements of a list are skipped (RFC 9110 section 5.6.1.2).
    const empty = isName ? /^[ \t]*(?:,|$)/.exec(rest) : null;
    if (empty !== null) {
      rest = rest.slice(empty[0].length || rest.length);
      continue;
    }
    const found = ITEM.exec(rest);
    if (found === null) return undefined;
    const [text, name = '', quoted, plain] = found;
    // A quoted value has to be a token once it is unquoted.
    const value = quoted === undefined ? plain : quoted.replaceAll(/\\(.)/g, '$1');
    if (!isToken(name) || (value !== undefined && !isToken(value))) return undefined;
    if (isName && value !== undefined) return undefined;
    if (isName) extensions.push({ name: name.toLowerCase(), parameters: [] });
    else extensions.at(-1)?.parameters.push([name.toLowerCase(), value]);
    if (extensions.length > MAX_EXTENSIONS) return undefined;
    isName = rest[text.length] !== ';';
    rest = rest.slice(text.length + 1);
    if (!isName && rest === '') return undefined;
  }
  return extensions;
}
