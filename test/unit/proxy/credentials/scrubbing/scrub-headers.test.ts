import { describe, expect, test } from 'vitest';
import { Secret } from '../../../../../common/secret.ts';
import { compileScrubber } from '../../../../../proxy/credentials/scrubbing/scrub.ts';
import { scrubHeaders } from '../../../../../proxy/credentials/scrubbing/scrub-headers.ts';
import { HeaderList } from '../../../../../proxy/protocols/header-list.ts';

const SECRET = 'Sk-live-0123456789';
const injected = { scrubber: compileScrubber([new Secret(SECRET)]), isAuthenticated: true };
const nothing = { scrubber: undefined, isAuthenticated: false };

describe('headers of an answer', () => {
  test('A-03: values that give the secret away are masked, in any rendering', () => {
    const headers = HeaderList.from([
      ['Location', `https://elsewhere.example/?t=${encodeURIComponent(SECRET)}`],
      ['Set-Cookie', `token=${SECRET}; Path=/`],
      ['Set-Cookie', `b64=${Buffer.from(`user:${SECRET}`).toString('base64')}`],
      ['X-Request-Id', 'abc'],
    ]);
    expect(scrubHeaders(headers, injected)).toBe(3);
    expect(headers.get('location')).toBe(`https://elsewhere.example/?t=${'*'.repeat(SECRET.length)}`);
    expect(headers.getAll('set-cookie')[0]).toBe(`token=${'*'.repeat(SECRET.length)}; Path=/`);
    expect(headers.getAll('set-cookie')[1]).toMatch(/^b64=.{0,8}\*+/);
    expect(headers.get('x-request-id')).toBe('abc');
  });

  test('A-03: authentication headers are dropped where something was injected, and kept elsewhere', () => {
    const make = () =>
      HeaderList.from([
        ['WWW-Authenticate', 'Bearer error="invalid_token"'],
        ['Authentication-Info', 'nextnonce="x"'],
        ['Authentication-Control', 'Basic realm="x"'],
        ['Optional-WWW-Authenticate', 'Basic'],
        // Of servers that hand out the next token with each answer.
        ['Authorization', 'Bearer next'],
        ['Content-Type', 'text/plain'],
      ]);
    // A client certificate and a signature leave no secret to search for.
    for (const authentication of [injected, { scrubber: undefined, isAuthenticated: true }]) {
      const headers = make();
      scrubHeaders(headers, authentication);
      expect([...headers.entries()]).toEqual([['Content-Type', 'text/plain']]);
    }
    const plain = make();
    scrubHeaders(plain, nothing);
    expect(plain.size).toBe(6);
  });

  test('A-10: Alt-Svc and the upstream’s proxy challenges never pass', () => {
    const headers = HeaderList.from([
      ['Alt-Svc', 'h3=":443"'],
      ['Alt-Used', 'b.example:443'],
      ['Proxy-Authenticate', 'Basic'],
      ['Proxy-Authentication-Info', 'nextnonce="x"'],
      ['ETag', '"1"'],
    ]);
    expect(scrubHeaders(headers, nothing)).toBe(0);
    expect(headers.names).toEqual(['ETag']);
  });

  test('a name that holds the secret goes, whatever its case', () => {
    const headers = HeaderList.from([
      [`X-${SECRET}`, '1'],
      ['X-Other', '2'],
    ]);
    expect(scrubHeaders(headers, injected)).toBe(1);
    expect(headers.names).toEqual(['X-Other']);
  });

  test('a secret is not found across two fields', () => {
    const headers = HeaderList.from([
      ['A', SECRET.slice(0, 9)],
      ['B', SECRET.slice(9)],
    ]);
    expect(scrubHeaders(headers, injected)).toBe(0);
  });

  test('a secret in fewer bytes than its own is found', () => {
    const text = '\u79d8\u5bc6\u9375'.repeat(4);
    const wide = Buffer.from(text, 'utf16le');
    const escaped = `%${wide.toString('hex', 0, 1)}${wide.toString('latin1', 1)}`;
    expect(escaped.length).toBeLessThan(Buffer.byteLength(text));
    const headers = HeaderList.from([['X-Wide', escaped]]);
    const scrubber = compileScrubber([new Secret(text)]);
    expect(scrubHeaders(headers, { scrubber, isAuthenticated: true })).toBe(1);
  });
});
