import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HostError, formatAuthority, isIpAddress, parseAuthority, parseHost } from '../../../../common/net/host.ts';

describe('parseHost', () => {
  it.each([
    ['example.com', 'example.com'],
    ['EXAMPLE.Com', 'example.com'],
    ['example.com.', 'example.com'],
    ['localhost', 'localhost'],
    ['my_service.default.svc', 'my_service.default.svc'],
    ['bücher.example', 'xn--bcher-kva.example'],
    ['XN--BCHER-KVA.example', 'xn--bcher-kva.example'],
    ['exａmple.com', 'example.com'],
    ['127.0.0.1', '127.0.0.1'],
    ['[::1]', '::1'],
    ['::1', '::1'],
    ['[2001:DB8:0:0:0:0:0:1]', '2001:db8::1'],
    ['[2001:db8:0:1:1:1:1:1]', '2001:db8:0:1:1:1:1:1'],
    ['[::ffff:127.0.0.1]', '127.0.0.1'],
    ['[::ffff:7f00:1]', '127.0.0.1'],
    ['[64:ff9b::192.0.2.1]', '64:ff9b::c000:201'],
    ['[64:ff9b:0:0:0:0:192.0.2.1]', '64:ff9b::c000:201'],
    ['[fff1:fff2:fff3:fff4:fff5:fff6:101.102.103.104]', 'fff1:fff2:fff3:fff4:fff5:fff6:6566:6768'],
    ['[1:2:3:4:5:6:7::]', '1:2:3:4:5:6:7:0'],
    [`${'a.'.repeat(126)}a`, `${'a.'.repeat(126)}a`],
    ['[100::ffff:1.2.3.4]', '100::ffff:102:304'],
    ['[::1:ffff:1.2.3.4]', '::1:ffff:102:304'],
    ['[::ff00:1.2.3.4]', '::ff00:102:304'],
    ['[::ff:1.2.3.4]', '::ff:102:304'],
    ['3com.com', '3com.com'],
    ['1.2.3.4.example', '1.2.3.4.example'],
  ])('%s is %s, and canonical text stays as it is', (text, host) => {
    expect(parseHost(text)).toBe(host);
    expect(parseHost(host)).toBe(host);
  });

  it.each([
    '',
    '.',
    '..',
    'a..b',
    '.a',
    'a..',
    '-a.com',
    'a-.com',
    'a b',
    'a/b',
    'user@host',
    'host%00',
    'host\0',
    'a\\b',
    'a?b',
    'a#b',
    '0177.0.0.1',
    '0x7f.0.0.1',
    '0x7f000001',
    '2130706433',
    '127.1',
    '127.0.1',
    '127.0.0.1.',
    '127.0.0.01',
    '256.1.1.1',
    '1.2.3.4.5',
    'foo.0x',
    'foo.1',
    '127。0。0。1',
    '１２７.0.0.1',
    '[::1',
    '::1]',
    '[::1%eth0]',
    'fe80::1%25eth0',
    '[]',
    '[1.2.3.4]',
    ':::',
    '1::2::3',
    '1:2:3:4:5:6:7:8::1::1',
    '1.2.3.4::1',
    '1:2:3:4:5:6:7:8:9',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7::8',
    '12345::',
    '::1.2.3',
    '::1.2.3.4:1',
    '[[::1]]',
    `${'a'.repeat(64)}.com`,
    `${'a.'.repeat(126)}aa`,
    `${'ü.'.repeat(40)}com`,
    'xn--a',
    'a:80',
    '*',
    '*.example.com',
    'exam\u00adple.c om',
    'a\r\nb',
    '¼.com/',
  ])('refuses %j', (text) => {
    expect(() => parseHost(text)).toThrow(HostError);
  });
});

describe('parseAuthority', () => {
  it.each([
    ['example.com:443', undefined, { host: 'example.com', port: 443 }],
    ['Example.com', 80, { host: 'example.com', port: 80 }],
    ['[::1]:8443', undefined, { host: '::1', port: 8443 }],
    ['[::1]', 443, { host: '::1', port: 443 }],
    ['10.0.0.1:65535', 1, { host: '10.0.0.1', port: 65535 }],
  ])('%s', (text, port, authority) => {
    expect(parseAuthority(text, port)).toEqual(authority);
  });

  it.each([
    'example.com',
    'example.com:',
    'a:0',
    'a:0443',
    'a:65536',
    'a:+80',
    'a:80 ',
    ' a:80',
    'a:8\n0',
    '::1:80',
    'a:80:90',
    ':80',
    'u@a:80',
    '[::1]x:80',
    'a:８０',
    'a:80\n',
  ])('refuses %j', (text) => {
    expect(() => parseAuthority(text)).toThrow(HostError);
  });
});

describe('formatAuthority', () => {
  it('brackets IPv6 and leaves out the default port', () => {
    expect(formatAuthority('::1', 443)).toBe('[::1]:443');
    expect(formatAuthority('::1', 443, 443)).toBe('[::1]');
    expect(formatAuthority('a.example', 80, 443)).toBe('a.example:80');
    expect(formatAuthority('a.example', 80, 80)).toBe('a.example');
  });
});

it('isIpAddress', () => {
  expect(['1.2.3.4', '::1', 'a.example', '1.2.3'].map(isIpAddress)).toEqual([true, true, false, false]);
});

it('whatever is accepted, a WHATWG URL parser reads as the same host, and parsing again changes nothing', () => {
  const part = fc.oneof(
    fc.constantFrom(
      '.',
      '-',
      ':',
      '::',
      '0x7f',
      '0177',
      '127',
      '1',
      '[',
      ']',
      '%',
      '@',
      'xn--',
      'a',
      'Ex',
      'ü',
      '。',
      'ß',
      '_',
      'ffff',
      '\u200d',
      'İ',
    ),
    fc.string({ maxLength: 4, unit: 'grapheme' }),
  );
  let accepted = 0;
  fc.assert(
    fc.property(fc.array(part, { minLength: 1, maxLength: 9 }), (parts) => {
      let host: string;
      try {
        host = parseHost(parts.join(''));
      } catch (error) {
        expect(error).toBeInstanceOf(HostError);
        return;
      }
      accepted += 1;
      expect(parseHost(host)).toBe(host);
      const { hostname } = new URL(`http://${formatAuthority(host, 80)}/`);
      expect(parseHost(hostname)).toBe(host);
      expect(parseAuthority(formatAuthority(host, 8080))).toEqual({ host, port: 8080 });
    }),
    { numRuns: 20_000 },
  );
  expect(accepted).toBeGreaterThan(100);
});
