import { describe, expect, it } from 'vitest';
import { type Socks5Command, Socks5Server } from '../../../../../proxy/protocols/socks5/server.ts';

const OPEN = [5, 1, 0];
const CONNECT = [5, 1, 0];
const name = (text: string): number[] => [3, text.length, ...Buffer.from(text, 'latin1')];
const port = (value: number): number[] => [value >> 8, value & 255];
const password = (user: string, secret: string): number[] => [
  1,
  user.length,
  ...Buffer.from(user),
  secret.length,
  ...Buffer.from(secret),
];
const byName = [...OPEN, ...CONNECT, ...name('api.test'), ...port(443)];
const isPassword = (given: Buffer): boolean => given.toString() === 'right';

/** What a server does with these bytes, given in pieces of this size. */
function play(bytes: readonly number[], size: number, check?: (given: Buffer) => boolean): Socks5Command[] {
  const server = new Socks5Server(check);
  const commands: Socks5Command[] = [];
  for (let at = 0; at < bytes.length; at += size) {
    commands.push(...server.receive(Buffer.from(bytes.slice(at, at + size))));
  }
  return commands;
}

const send = (...bytes: number[]): Socks5Command => ({ kind: 'send', bytes: Buffer.from(bytes) });

describe('a SOCKS 5 handshake', () => {
  it.each([
    ['a name', name('api.test'), { kind: 'name', text: 'api.test' }],
    ['the longest name', name('a'.repeat(255)), { kind: 'name', text: 'a'.repeat(255) }],
    ['an IPv4 address', [1, 192, 0, 2, 1], { kind: 'address', text: '192.0.2.1' }],
    ['an IPv4 address of a first byte 0', [1, 0, 0, 2, 1], { kind: 'address', text: '0.0.2.1' }],
    [
      'an IPv6 address',
      [4, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
      { kind: 'address', text: '2001:db8::1' },
    ],
  ])('to %s, on every cut', (_what, address, host) => {
    const bytes = [...OPEN, ...CONNECT, ...address, ...port(8443)];
    const whole = [send(5, 0), { kind: 'connect', host, port: 8443, rest: Buffer.alloc(0) }];
    for (let size = 1; size <= bytes.length; size += 1) expect(play(bytes, size)).toEqual(whole);
    for (let cut = 0; cut < bytes.length; cut += 1) {
      expect(play(bytes.slice(0, cut), 7).every((command) => command.kind === 'send')).toBe(true);
    }
  });

  it('answers each message as soon as it is whole', () => {
    const server = new Socks5Server((given) => given.length === 255);
    for (const [kind, bytes] of [
      ['send', [5, 2, 0, 2]],
      ['send', password('u'.repeat(255), 'p'.repeat(255))],
      ['connect', byName.slice(3)],
    ] as const) {
      const answers = bytes.map((byte) => server.receive(Buffer.of(byte)).map((command) => command.kind));
      expect(answers).toEqual([...bytes.slice(1).map(() => []), [kind]]);
    }
  });

  it('hands on what came behind the request', () => {
    const commands = play([...byName, 22, 3, 1], 100);
    expect(commands.at(-1)).toMatchObject({ kind: 'connect', rest: Buffer.from([22, 3, 1]) });
  });

  it('asks for the password when there is one, on every cut', () => {
    const bytes = [5, 2, 0, 2, ...password('agent', 'right'), ...byName.slice(3)];
    for (let size = 1; size <= bytes.length; size += 1) {
      const commands = play(bytes, size, isPassword);
      expect(commands.slice(0, 2)).toEqual([send(5, 2), send(1, 0)]);
      expect(commands[2]).toMatchObject({ kind: 'connect', port: 443 });
    }
  });

  it('takes any password when none is asked for', () => {
    const commands = play([5, 1, 2, ...password('', ''), ...byName.slice(3)], 3);
    expect(commands.map(({ kind }) => kind)).toEqual(['send', 'send', 'connect']);
  });

  it.each<[string, number[], string, number[]]>([
    ['a wrong password', [5, 1, 2, ...password('agent', 'wrong')], 'password-wrong', [1, 1]],
    ['an empty password', [5, 1, 2, ...password('agent', '')], 'password-wrong', [1, 1]],
    ['no method that we want', [5, 2, 0, 1], 'method-unacceptable', [5, 0xff]],
  ])('refuses %s when a password is asked for', (_what, bytes, fault, reply) => {
    for (let size = 1; size <= bytes.length; size += 1) {
      expect(play([...bytes, ...byName], size, isPassword).at(-1)).toMatchObject({
        kind: 'refuse',
        fault,
        bytes: Buffer.from(reply),
      });
    }
  });

  const refused = (reply: number): number[] => [5, reply, 0, 1, 0, 0, 0, 0, 0, 0];
  it.each<[string, number[], string, number[]]>([
    ['another version', [4, 1], 'malformed', []],
    ['no method', [5, 0], 'malformed', []],
    ['another version in the request', [...OPEN, 4, 1, 0, 1], 'malformed', []],
    ['a reserved byte that is used', [...OPEN, 5, 1, 1], 'malformed', []],
    ['an empty name', [...OPEN, ...CONNECT, 3, 0], 'malformed', []],
    ['another version of the password message', [5, 1, 2, 5], 'malformed', []],
    ['BIND', [...OPEN, 5, 2, 0, 1, 1, 2, 3, 4, 0, 80], 'command-unknown', refused(7)],
    ['UDP ASSOCIATE', [...OPEN, 5, 3, 0, 1, 1, 2, 3, 4, 0, 80], 'command-unknown', refused(7)],
    ['an unknown address type', [...OPEN, ...CONNECT, 2], 'address-unknown', refused(8)],
    ['port 0', [...OPEN, ...CONNECT, 1, 1, 2, 3, 4, 0, 0], 'address-unknown', refused(8)],
  ])('refuses %s', (_what, bytes, fault, reply) => {
    for (let size = 1; size <= bytes.length; size += 1) {
      const last = play([...bytes, 1, 2, 3], size).at(-1);
      expect(last).toMatchObject({ kind: 'refuse', fault, bytes: Buffer.from(reply) });
    }
  });

  it('says nothing after the end', () => {
    const server = new Socks5Server(undefined);
    server.receive(Buffer.from(byName));
    expect(server.receive(Buffer.from(byName))).toEqual([]);
  });
});
