import { substitute } from './placeholder-search.ts';
import { refused } from '../injection-error.ts';

/** RFC 7617 section 2: the scheme, a space, and the pair in base64 (RFC 4648 section 4). */
const BASIC = /^(Basic +)([A-Za-z0-9+/]+={0,2})$/i;

/**
 * `Basic` credentials with the first placeholder in their user name or password replaced, when it is one of these; else
 * undefined. Clients that have an API key for user name or password put it there.
 *
 * @throws InjectionError `injection-refused` when the credential cannot be a user name
 */
export function substituteInBasic(value: string, placeholders: ReadonlySet<string>, by: string): string | undefined {
  const [, scheme = '', encoded = ''] = BASIC.exec(value) ?? [];
  const pair = Buffer.from(encoded, 'base64').toString('latin1');
  const colon = pair.indexOf(':');
  // Readers differ on base64 that is not strict.
  if (colon === -1 || toBase64(pair) !== encoded) return undefined;
  const [username, password] = [pair.slice(0, colon), pair.slice(colon + 1)];
  const user = substitute(username, placeholders, by);
  if (user?.includes(':') === true) throw refused('a user name in Basic holds no colon');
  if (user !== undefined) return scheme + toBase64(`${user}:${password}`);
  const secret = substitute(password, placeholders, by);
  return secret === undefined ? undefined : scheme + toBase64(`${username}:${secret}`);
}

function toBase64(latin1: string): string {
  return Buffer.from(latin1, 'latin1').toString('base64');
}
