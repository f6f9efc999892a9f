import { COOKIE_TEXT, TOKEN } from '../../../common/credential-grammar.ts';
import type { CookieInjection } from '../../../proto/gen/sidekey/v1/grant.ts';
import type { HeaderList } from '../../protocols/header-list.ts';
import { trimBlanks } from '../../protocols/http1/characters.ts';
import { decodedName } from '../parameter-name.ts';
import { invalid } from '../injection-error.ts';
import { checkedText, type PreparedInjection, preparedSecret } from './scheme.ts';

/** `<name>=<value>` in the Cookie header (RFC 6265 section 4.2), in front of the agent's others and instead of its own of that name. */
export function prepareCookie({ name, value }: CookieInjection): PreparedInjection {
  if (!TOKEN.test(name)) throw invalid('its cookie has no name that a cookie can have');
  const pair = `${name}=${checkedText(value, COOKIE_TEXT)}`;
  const isOurs = isCookieOf(name);
  return preparedSecret([value], ({ request: { headers } }) => {
    setCookies(headers, [pair, ...cookiesOf(headers).filter((cookie) => !isOurs(cookie))]);
  });
}

/** Of all lines. */
export function cookiesOf(headers: HeaderList): string[] {
  const cookies = headers.getAll('cookie').flatMap((line) => line.split(';'));
  return cookies.map(trimBlanks).filter((cookie) => cookie !== '');
}

/** In one line: RFC 6265 section 5.4 allows no more, and servers differ on what they make of two. */
export function setCookies(headers: HeaderList, cookies: readonly string[]): void {
  if (cookies.length === 0) headers.delete('cookie');
  else headers.set('Cookie', cookies.join('; '));
}

/** The name of `name=value`. A cookie without "=" is all value (RFC 6265bis section 5.6), which some servers read as all name. */
export function cookieName(cookie: string): string {
  const [name = ''] = cookie.split('=', 1);
  return name.trim();
}

/**
 * A test for cookies that some server takes for the one of this name, of which many take the last: in any case, with commas between
 * cookies and what is no name left out (ASP.NET), with every blank of Unicode left out (Django, Starlette, Tornado), parted at blanks
 * (aiohttp, http.cookies), within quotes (WebOb), percent-encoded (Rust), as an array and with "." for "_" (PHP).
 */
export function isCookieOf(name: string): (cookie: string) => boolean {
  const text = name.replaceAll(/[$*+^|]/g, String.raw`\$&`).replaceAll(/[._]/g, '[. _]');
  const before = String.raw`(?:^|[^=\w!#$%&'*+.^\x60|~-])=*`;
  const pattern = new RegExp(String.raw`${before}${text}(?:[=[\s\x80-\xff]|$)`, 'i');
  return (cookie) => pattern.test(cookie) || (cookie.includes('%') && pattern.test(decodedName(cookie)));
}
