import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { UsageError } from '../../../../../../common/errors.ts';
import { Secret } from '../../../../../../common/secret.ts';
import { DEFAULT_NO_PROXY, parseNoProxy } from '../../../../../../proxy/io/upstream/upstream-proxy/no-proxy.ts';
import { parseUpstreamProxy } from '../../../../../../proxy/io/upstream/upstream-proxy/settings.ts';

describe("the proxy's URL", () => {
  test.each([
    ['http://proxy.corp:3128', { scheme: 'http', host: 'proxy.corp', port: 3128 }],
    ['HTTP://Proxy.Corp/', { scheme: 'http', host: 'proxy.corp', port: 80 }],
    ['https://proxy.corp', { scheme: 'https', host: 'proxy.corp', port: 443 }],
    ['socks5h://[2001:db8::1]', { scheme: 'socks5h', host: '2001:db8::1', port: 1080 }],
    ['socks5://proxy.corp:65535', { scheme: 'socks5', host: 'proxy.corp', port: 65_535 }],
    ['socks5://proxy.corp', { scheme: 'socks5', host: 'proxy.corp', port: 1080 }],
    ['socks5://10.0.0.1:9', { scheme: 'socks5', host: '10.0.0.1', port: 9 }],
  ])('%s', (url, expected) => {
    expect(parseUpstreamProxy(new Secret(url))).toMatchObject({ ...expected, credentials: undefined });
  });

  test('user and password are unescaped, and the password stays a secret', () => {
    const settings = parseUpstreamProxy(new Secret('http://ann:p%40ss%3aword@proxy.corp:1'));
    expect(settings.credentials?.user).toBe('ann');
    expect(settings.credentials?.password.reveal()).toBe('p@ss:word');
    expect(inspect(settings, { depth: 5 }) + JSON.stringify(settings)).not.toContain('p@ss');
  });

  test.each([
    ['ann:a:b', 'ann', 'a:b'],
    ['ann:', 'ann', ''],
    ['ann', 'ann', ''],
    [':b', '', 'b'],
  ])('of %s the user is %j', (userInfo, user, password) => {
    const { credentials } = parseUpstreamProxy(new Secret(`http://${userInfo}@proxy.corp`));
    expect([credentials?.user, credentials?.password.reveal()]).toEqual([user, password]);
  });

  test.each([
    'proxy.corp:3128',
    'ftp://proxy.corp',
    'http://hunter2:hunter2@',
    'http://proxy.corp:99999',
    'http://proxy.corp:65536',
    'http://proxy.corp:0',
    'http://a%3ahunter2:b@proxy.corp',
    'http://a:hunter2@proxy_?.corp',
    'http://a:hunter2%zz@proxy.corp',
    'http://a:hunter2%0d%0a@proxy.corp',
    'http://proxy.corp/hunter2',
    'http://0x7f.1:80',
    '',
  ])('%j is refused, and its text told to nobody', (url) => {
    let caught: unknown;
    try {
      parseUpstreamProxy(new Secret(url));
    } catch (error) {
      caught = error;
    }
    expect(caught).toBeInstanceOf(UsageError);
    expect(inspect(caught)).not.toContain('hunter2');
  });
});

describe('no-proxy rules', () => {
  test.each([
    ['*', 'any.thing', 1, true],
    ['', 'any.thing', 1, false],
    ['example.com', 'example.com', 443, true],
    ['example.com', 'a.b.example.com', 443, true],
    ['example.com', 'notexample.com', 443, false],
    ['EXAMPLE.com.', 'example.com', 443, true],
    ['.example.com', 'a.example.com', 443, true],
    ['.example.com', 'example.com', 443, false],
    ['*.example.com', 'a.example.com', 443, true],
    ['example.com:8443', 'example.com', 8443, true],
    ['example.com:8443', 'example.com', 443, false],
    ['a.test, b.test\tc.test', 'c.test', 1, true],
    ['10.0.0.0/8', '10.1.2.3', 1, true],
    ['10.0.0.0/8', '11.1.2.3', 1, false],
    ['10.0.0.0/8', 'ten.test', 1, false],
    ['10.1.2.3', '10.1.2.3', 1, true],
    ['10.1.2.3:80', '10.1.2.3', 81, false],
    ['2001:db8::/32', '2001:db8::7', 1, true],
    ['2001:db8::7', '2001:db8::7', 1, true],
    ['[2001:db8::7]:80', '2001:db8::7', 80, true],
    ['[2001:db8::7]:80', '2001:db8::7', 81, false],
    ['2001:db8::7:80', '2001:db8::7:80', 1, true],
    ['2001:db8::7:80', '2001:db8::7', 80, false],
    ['a.test:1', 'a.test', 1, true],
    ['a.test:65535', 'a.test', 65_535, true],
    [DEFAULT_NO_PROXY, '127.9.9.9', 1, true],
    [DEFAULT_NO_PROXY, 'localhost', 1, true],
    [DEFAULT_NO_PROXY, '::1', 1, true],
  ])('%j and %s:%d: %s', (rules, host, port, expected) => {
    expect(parseNoProxy(rules)(host, port)).toBe(expected);
  });

  test.each([
    '3',
    '10.0.0.0/33',
    'a..b',
    'a b/c',
    'example.com:0',
    'example.com:65536',
    'example.com:http',
    ':80',
    '[::1',
    '[::1]:',
    '[2001:db8::]/32',
    '10.0.0.1/8',
    'a.test,'.repeat(1_025),
  ])('%j is none', (rules) => {
    expect(() => parseNoProxy(rules)).toThrow(UsageError);
  });

  test('there may be 1,024', () => {
    expect(parseNoProxy('a.test,'.repeat(1_024))('a.test', 1)).toBe(true);
  });
});
