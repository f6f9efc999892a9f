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
  ])('takes a reply with %s to its end', (_, reply) => {
    for (const played of playTunnel(() => client(), [hex('05 00'), hex(`${reply} 68 69`)])) {
      expect(played).toMatchObject({ rest: 'hi', error: undefined });
    }
  });

  const OTHER = 'does not speak SOCKS5';
  const REFUSED: readonly (readonly [name: string, answers: readonly string[], code: string, message: string])[] = [
    ['another protocol', ['48 54'], 'upstream-proxy-failed', OTHER],
    ['no acceptable method', ['05 ff'], 'upstream-proxy-failed', 'asks for other credentials'],
    ['a method that was not offered', ['05 02'], 'upstream-proxy-failed', 'not offered'],
    ['GSSAPI', ['05 01'], 'upstream-proxy-failed', 'not offered'],
    ['another version in the reply', ['05 00', '04 00 00 01'], 'upstream-proxy-failed', OTHER],
    ['a general failure', ['05 00', '05 01 00 01'], 'connect-failed', 'could not reach'],
    ['a ruleset', ['05 00', '05 02 00 01'], 'upstream-proxy-refused', 'does not allow'],
    ['an unreachable network', ['05 00', '05 03 00 01'], 'connect-failed', 'network'],
    ['an unreachable host', ['05 00', '05 04 00 01'], 'connect-failed', 'cannot reach the upstream'],
    ['a refused connection', ['05 00', '05 05 00 01'], 'connect-failed', 'refused the connection'],
    ['an expired TTL', ['05 00', '05 06 00 01'], 'connect-timeout', 'in time'],
    ['an unknown reply', ['05 00', '05 63 00 01'], 'upstream-proxy-failed', 'refused the request'],
    ['a reserved byte', ['05 00', '05 00 01 01'], 'upstream-proxy-failed', OTHER],
    ['an unknown address type', ['05 00', '05 00 00 02'], 'upstream-proxy-failed', OTHER],
  ];
  test.each(REFUSED)('%s', (_, answers, error, message) => {
    for (const played of playTunnel(() => client(), answers.map(hex))) {
      expect(played).toMatchObject({ error, message: expect.stringContaining(message) });
    }
  });

  test('bytes that nobody asked for yet', () => {
    expect(() => client().receive(hex('05 00 05'))).toThrow('before it was asked');
  });

  test.each([
    ['01 01', 'refused the user name'],
    ['05 00', OTHER],
  ])('a password that %s answers, and a method beside it', (answer, message) => {
    const create = () => client('h', CREDENTIALS);
    for (const played of playTunnel(create, [hex('05 02'), hex(answer)])) {
      expect(played).toMatchObject({ error: 'upstream-proxy-failed', message: expect.stringContaining(message) });
    }
    for (const played of playTunnel(create, [hex('05 01')])) {
      expect(played).toMatchObject({ sent: [], message: expect.stringContaining('not offered') });
    }
  });

  test('names, users and passwords are of 1 to 255 bytes', () => {
    const LONGEST = 'a'.repeat(255);
    expect(client(LONGEST).receive(hex('05 00'))).toMatchObject({ kind: 'send' });
    expect(() => client(`${LONGEST}a`).receive(hex('05 00'))).toThrow('too long');
    const login = (user: string, password: string) =>
      client('h', { user, password: new Secret(password) }).receive(hex('05 02'));
    expect(login(LONGEST, LONGEST)).toMatchObject({ kind: 'send' });
    expect(login('a', 'b')).toEqual({ kind: 'send', bytes: hex('01 01 61 01 62') });
    expect(() => login(`${LONGEST}a`, 'b')).toThrow('1 to 255');
    expect(() => login('a', `${LONGEST}b`)).toThrow('1 to 255');
    expect(() => login('', 'b')).toThrow('1 to 255');
    expect(() => login('a', '')).toThrow('1 to 255');
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
