import { expect, test } from 'vitest';
import type { LocalTransport } from '../../../../../proxy/http/request/destination.ts';
import { refuseForeignPage } from '../../../../../proxy/http/request/foreign-page.ts';
import { HeaderList } from '../../../../../proxy/protocols/header-list.ts';
import { Refusal } from '../../../../../proxy/refusal.ts';

const OWN = [
  { host: 'localhost', port: 8_080 },
  { host: '127.0.0.1', port: 8_080 },
  { host: 'any.test', port: 0 },
  { host: 'plain.test', port: 80 },
];

/** Each field is `name: value`. */
function verdict(...fields: readonly string[]): string {
  const headers = HeaderList.from(fields.map((field) => field.split(': ') as [string, string]));
  try {
    refuseForeignPage({ kind: 'local', ownNames: OWN } as unknown as LocalTransport, headers);
    return 'passes';
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return error.reason;
  }
}

test.each([
  ['nothing'],
  ['a user', 'sec-fetch-site: none'],
  ['its own page', 'sec-fetch-site: same-origin', 'origin: http://localhost:8080'],
  ['its own page, by any of its names', 'origin: http://127.0.0.1:8080'],
  ['a name that is its own on any port', 'origin: http://any.test:1234'],
  ['the usual port', 'origin: http://plain.test'],
])('a caller passes that says: %s', (_what, ...fields) => {
  expect(verdict(...fields)).toBe('passes');
});

test.each([
  ['another site', 'sec-fetch-site: cross-site'],
  ['another port of this host', 'sec-fetch-site: same-site'],
  ['one of each, the own one first', 'sec-fetch-site: same-origin', 'sec-fetch-site: cross-site'],
  ['an own site and a foreign origin', 'sec-fetch-site: same-origin', 'origin: http://evil.test'],
  ['a foreign site and an own origin', 'sec-fetch-site: cross-site', 'origin: http://localhost:8080'],
  ['two origins, the own one first', 'origin: http://localhost:8080', 'origin: http://evil.test'],
  ['another port', 'origin: http://localhost:8081'],
  ['the usual port, where its own is another', 'origin: http://localhost'],
  ['another name on its port', 'origin: http://evil.test:8080'],
  ['TLS, which it does not speak', 'origin: https://localhost:8080'],
  ['no origin that may be told', 'origin: null'],
  ['more than an origin', 'origin: http://localhost:8080/path'],
  ['another one before its own', 'origin: http://evil.test, http://localhost:8080'],
  ['something before its own', 'origin: xhttp://localhost:8080'],
  ['an authority that is none', 'origin: http://localhost:port'],
])('a page is refused that says: %s', (_what, ...fields) => {
  expect(verdict(...fields)).toBe('caller-refused');
});
