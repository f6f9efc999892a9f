import { describe, expect, test } from 'vitest';
import { Secret } from '../../../../../common/secret.ts';
import { Socks5Client } from '../../../../../proxy/protocols/socks5/client.ts';
import { playTunnel } from '../../../../support/protocols/tunnel-play.ts';

const CREDENTIALS = { user: 'ann', password: new Secret('s3cret') };
const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');
const client = (host = 'api.test', credentials?: typeof CREDENTIALS) =>
  new Socks5Client({ host, port: 443 }, credentials);

describe('the SOCKS5 client', () => {
  const REPLY = '05 00 00 01 7f 00 00 01 01 bb';
  test.each([
    ['a name', 'api.test', `050100 03 08 ${Buffer.from('api.test').toString('hex')} 01bb`],
    ['an IPv4 address', '192.0.2.7', '050100 01 c0000207 01bb'],
    ['an IPv6 address', '2001:db8::1', '050100 04 20010db8000000000000000000000001 01bb'],
  ])('asks for %s (RFC 1928), on every cut', (_, host, request) => {
    expect(client(host).start()).toEqual(hex('05 01 00'));
    for (const played of playTunnel(() => client(host), [hex('05 00'), hex(`${REPLY} 68 69`)])) {
      expect(played).toEqual({ sent: [hex(request)], rest: 'hi', error: undefined });
    }
  });

  test('gives user name and password when asked (RFC 1929), on every cut', () => {
    expect(client('api.test', CREDENTIALS).start()).toEqual(hex('05 02 00 02'));
    const login = Buffer.concat([hex('01 03'), Buffer.from('ann'), hex('06'), Buffer.from('s3cret')]);
    for (const played of playTunnel(() => client('h', CREDENTIALS), [hex('05 02'), hex('01 00'), hex(REPLY)])) {
      expect(played).toEqual({ sent: [login, hex('050100 03 01 68 01bb')], rest: '', error: undefined });
    }
  });

  test.each([
    ['a name', '05 00 00 03 02 61 62 00 50'],
    ['an IPv6 address', `05 00 00 04 ${'00'.repeat(16)} 00 50`],
    ['an empty name', '05 00 00 03 00 00 50'],
  ])('takes a reply with %s', (_, reply) => {
    for (const played of playTunnel(() => client(), [hex('05 00'), hex(reply)])) expect(played.error).toBeUndefined();
  });

  const REFUSED: readonly (readonly [name: string, answers: readonly string[], code: string])[] = [
    ['another protocol', ['48 54'], 'upstream-proxy-failed'],
    ['no acceptable method', ['05 ff'], 'upstream-proxy-failed'],
    ['a method that was not offered', ['05 02'], 'upstream-proxy-failed'],
    ['GSSAPI', ['05 01'], 'upstream-proxy-failed'],
    ['a general failure', ['05 00', '05 01 00 01'], 'connect-failed'],
    ['a ruleset', ['05 00', '05 02 00 01'], 'upstream-proxy-refused'],
    ['an unreachable host', ['05 00', '05 04 00 01'], 'connect-failed'],
    ['a refused connection', ['05 00', '05 05 00 01'], 'connect-failed'],
    ['an expired TTL', ['05 00', '05 06 00 01'], 'connect-timeout'],
    ['an unknown reply', ['05 00', '05 63 00 01'], 'upstream-proxy-failed'],
    ['a reserved byte', ['05 00', '05 00 01 01'], 'upstream-proxy-failed'],
    ['an unknown address type', ['05 00', '05 00 00 02'], 'upstream-proxy-failed'],
  ];
  test.each(REFUSED.map(([name, answers, code]) => ({ name, answers, code })))('$name', ({ answers, code }) => {
    for (const played of playTunnel(() => client(), answers.map(hex))) expect(played.error).toBe(code);
  });

  test('bytes that nobody asked for yet', () => {
    expect(() => client().receive(hex('05 00 05'))).toThrow('before it was asked');
  });

  test('a refused password', () => {
    for (const played of playTunnel(() => client('h', CREDENTIALS), [hex('05 02'), hex('01 01')])) {
      expect(played.error).toBe('upstream-proxy-failed');
    }
  });

  test('every truncation waits', () => {
    const reply = hex(REPLY);
    for (let end = 0; end < reply.length; end += 1) {
      const opened = client();
      opened.receive(hex('05 00'));
      expect(opened.receive(reply.subarray(0, end))).toEqual({ kind: 'more' });
    }
  });
});
