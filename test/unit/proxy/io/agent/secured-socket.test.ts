import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import { afterEach, expect, it } from 'vitest';
import { createLocalAuthority } from '../../../../../proxy/intercept/certificate-authority.ts';
import { SecuredSocket } from '../../../../../proxy/io/agent/secured-socket.ts';
import { turnEnd } from '../../../../support/turn-end.ts';

let server: net.Server | undefined;
afterEach(() => server?.close());

/** A client and our side, each with the connection below it, and a promise of our end. */
async function secured(version: tls.SecureVersion): Promise<{
  client: tls.TLSSocket;
  below: net.Socket;
  ours: SecuredSocket;
  accepted: net.Socket;
  ended: Promise<unknown>;
}> {
  const context = createLocalAuthority().secureContextFor('api.test');
  const listening = net.createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1');
  server = listening;
  await once(listening, 'listening');
  const connected = once(listening, 'connection');
  const below = net.connect((listening.address() as net.AddressInfo).port, '127.0.0.1');
  const options = { servername: 'api.test', rejectUnauthorized: false, minVersion: version, maxVersion: version };
  const client = tls.connect({ socket: below, ...options });
  const accepted = (await connected)[0] as net.Socket;
  const ours = new SecuredSocket(accepted, context);
  ours.on('error', () => {}).resume();
  const ended = new Promise((resolve) => ours.once('close', resolve));
  await once(client, 'secureConnect');
  return { client, below, ours, accepted, ended };
}

it.each(['TLSv1.2', 'TLSv1.3'] as const)('a broken record of %s ends it, and says so', async (version) => {
  const { client, below, ended } = await secured(version);
  const told = once(client, 'error');
  below.write(Buffer.from([0x17, 3, 3, 0, 20, ...Array<number>(20).fill(7)]));
  expect(String((await told)[0])).toContain('alert');
  await ended;
  client.destroy();
});

it('a client that repeats the handshake again and again is left', async () => {
  const { client, ended } = await secured('TLSv1.2');
  let repeated = 0;
  const repeat = (): void =>
    void client.renegotiate({}, (error) => {
      if (error === null && ++repeated < 100) repeat();
    });
  client.on('error', () => {});
  repeat();
  await ended;
  expect(repeated).toBeLessThan(10);
  client.destroy();
});

const ENDINGS: Record<string, (ours: SecuredSocket, accepted: net.Socket, client: tls.TLSSocket) => unknown> = {
  'the client closes': (_ours, _accepted, client) => client.destroy(),
  'it is ended': (ours, _accepted, client) => {
    client.end();
    ours.end();
  },
  'it is destroyed': (ours) => ours.destroy(),
  'it is reset': (ours) => ours.resetAndDestroy(),
  'what is below is destroyed': (_ours, accepted) => accepted.destroy(),
  'both are destroyed, what is below first': (ours, accepted) => {
    accepted.destroy();
    ours.destroy();
  },
};

it.each(Object.keys(ENDINGS))('when %s, all are told of it once and let go of', async (name) => {
  const { client, ours, accepted } = await secured('TLSv1.3');
  client.on('error', () => {});
  ours.on('end', () => ours.destroy());
  const told: string[] = [];
  for (const [of, socket] of Object.entries({ ours, accepted })) socket.on('close', () => told.push(of));
  const closed = Promise.all([once(ours, 'close'), once(accepted, 'close')]);
  ENDINGS[name]?.(ours, accepted, client);
  await closed;
  await turnEnd();
  expect(told.toSorted()).toEqual(['accepted', 'ours']);
  for (const socket of [ours, accepted]) {
    expect(socket.eventNames()).toEqual(['error']);
    // Nothing may be left that nobody hears of: the process would end.
    expect(socket.emit('error', new Error('late'))).toBe(true);
  }
  client.destroy();
});
