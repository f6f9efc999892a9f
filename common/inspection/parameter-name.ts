import { foldCase } from '../match/fold-case.ts';

/** Read alike by every server. */
const PLAIN = /^[a-z\d_-]*$/;

/**
 * What servers may take a parameter of this decoded name for: without case (ASP.NET), without the index behind it (PHP, Rack, qs), the
 * brackets in front of it (Rack 2, qs) and a "?" there (URLSearchParams), and as PHP has it, which ends a name at NUL, drops blanks in
 * front of it and makes "_" of "." and " ", and of a "[" that nothing closes.
 */
export function readingsOf(name: string): readonly string[] {
  if (PLAIN.test(name)) return [name];
  const bare = beforeNul(foldCase(name))
    .replace(/^[\s[\]?]+/, '')
    .trimEnd();
  const at = bare.search(/[[\]]/);
  if (at < 0) return [underscored(bare)];
  const outer = underscored(bare.slice(0, at));
  return bare.includes(']', at) ? [outer] : [outer, underscored(bare)];
}

/**
 * Whether some server takes a parameter for the one of this name, however it is spelled. A name that has an index of its own, as in
 * `card[number]`, stands for that index alone.
 */
export function mayStandFor(spelled: string, name: string): boolean {
  if (spelled === name) return true;
  if (name.includes('[')) return withIndex(spelled) === withIndex(name);
  const [wanted = name] = readingsOf(name);
  return readingsOf(spelled).includes(wanted);
}

function withIndex(name: string): string {
  return beforeNul(foldCase(name))
    .trim()
    .replace(/^[^[]*/, underscored);
}

function beforeNul(name: string): string {
  const at = name.indexOf('\0');
  return at < 0 ? name : name.slice(0, at);
}

function underscored(name: string): string {
  return name.replaceAll(/[. [\]]/g, '_');
}
