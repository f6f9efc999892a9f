import type { Socket } from 'node:net';
import { expect, test } from 'vitest';
import { EndedSocket } from '../../../../../proxy/io/agent/ended-socket.ts';
import type { TcpOwners } from '../../../../../proxy/io/agent/tcp-owner.ts';
import { turnEnd } from '../../../../support/turn-end.ts';

function ended(address: { readonly host?: string; readonly port?: number }, isAbandoned = false) {
  const asked: unknown[] = [];
  let isDestroyed = false;
  const socket = { remoteAddress: address.host, remotePort: address.port, destroy: () => (isDestroyed = true) };
  const owners = {
    isAbandoned: (end: unknown) => {
      asked.push(end);
      return Promise.resolve(isAbandoned);
    },
  };
  const one = new EndedSocket(socket as unknown as Socket, owners as unknown as TcpOwners);
  return { one, asked, isDestroyed: () => isDestroyed };
}

const AGENT = { host: '127.0.0.1', port: 4_711 };

test('somebody is looked for after one second, and then after four times as long each time', () => {
  const { one, asked } = ended(AGENT);
  const looks: number[] = [];
  for (let now = 50_000; now < 150_000; now += 500) {
    const before = asked.length;
    one.sweep(now);
    if (asked.length > before) looks.push(now - 50_000);
  }
  expect(looks).toEqual([1_000, 5_000, 21_000, 85_000]);
  expect(asked[0]).toEqual(AGENT);
});

test.each([true, false])('the connection is closed when nobody is left: %s', async (isAbandoned) => {
  const { one, isDestroyed } = ended(AGENT, isAbandoned);
  for (const now of [0, 1_000]) one.sweep(now);
  await turnEnd();
  expect(isDestroyed()).toBe(isAbandoned);
});

test('nobody is looked for behind a unix socket', () => {
  for (const address of [{}, { host: '127.0.0.1' }, { port: 4_711 }]) {
    const { one, asked } = ended(address, true);
    for (const now of [0, 1_000, 5_000]) one.sweep(now);
    expect(asked).toEqual([]);
  }
});
