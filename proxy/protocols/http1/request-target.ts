/** The four forms of a request target and the grammar of `Host`; names are judged later, by `common/net/host.ts`. */

/** `host [ ":" port ]` without user information or percent-encoding (RFC 9110 4.2.4 on user information). */
const HOST = /^(?:\[[0-9A-Fa-f:.]{2,45}\]|[0-9A-Za-z._~-]{1,255})(?::([0-9]{0,5}))?$/;
const HTTP_SCHEME = /^https?$/i;
const SLASH = 0x2f;
const QUESTION = 0x3f;
const HASH = 0x23;

/** A target in absolute-form (RFC 9112 3.2.2), in its parts. */
export interface AbsoluteForm {
  readonly scheme: 'http' | 'https';
  readonly authority: string;
  /** Path and query: empty, or from the first `/`, `?` or `#` on. */
  readonly rest: string;
}

/** What was read last: a target is read for its form and again for where it leads, and agents repeat theirs. */
let read: { readonly target: string; readonly form: AbsoluteForm | undefined } = { target: '', form: undefined };

/** Undefined when the target is no `http` or `https` URL. */
export function readAbsoluteForm(target: string): AbsoluteForm | undefined {
  if (read.target !== target) read = { target, form: parse(target) };
  return read.form;
}

function parse(target: string): AbsoluteForm | undefined {
  const colon = target.indexOf('://');
  if (colon !== 4 && colon !== 5) return undefined;
  let scheme = target.slice(0, colon);
  if (scheme !== 'http' && scheme !== 'https') {
    if (!HTTP_SCHEME.test(scheme)) return undefined;
    scheme = scheme.toLowerCase();
  }
  const start = colon + 3;
  let end = start;
  while (end < target.length && !endsAuthority(target.charCodeAt(end))) end += 1;
  const authority = target.slice(start, end);
  return { scheme: scheme === 'https' ? 'https' : 'http', authority, rest: target.slice(end) };
}

function endsAuthority(code: number): boolean {
  return code === SLASH || code === QUESTION || code === HASH;
}

/** Target and Host name the same one mostly, and so do the requests of one agent. */
let accepted = '';

/** Whether a `Host` field's value names a host (RFC 9110 7.2); an empty one names nothing, so a proxy cannot use it. */
export function isAuthority(text: string): boolean {
  if (text === accepted && text !== '') return true;
  if (!matchesAuthority(text)) return false;
  accepted = text;
  return true;
}

function matchesAuthority(text: string): boolean {
  const match = HOST.exec(text);
  if (match === null) return false;
  const port = match[1];
  return port === undefined || port === '' || isPort(port);
}

function isPort(text: string): boolean {
  const port = Number(text);
  return port >= 1 && port <= 65_535;
}

/** Whether the target has the form that its method asks for (RFC 9112 3.2.1 to 3.2.4). */
export function isTargetFor(method: string, target: string): boolean {
  if (method === 'CONNECT') {
    const port = HOST.exec(target)?.[1];
    return port !== undefined && port !== '' && isPort(port);
  }
  if (target.charCodeAt(0) === SLASH) return true;
  if (target === '*') return method === 'OPTIONS';
  const authority = readAbsoluteForm(target)?.authority;
  return authority !== undefined && isAuthority(authority);
}
