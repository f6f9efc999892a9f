import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import { afterEach, expect, it } from 'vitest';
import { createLocalAuthority } from '../../../../../proxy/intercept/certificate-authority.ts';
import { SecuredSocket } from '../../../../../proxy/io/agent/secured-socket.ts';

let server: net.Server | undefined;
afterEach(() => server?.close());

/** A client with the connection below it, and a promise of the end of our side. */
async function secured(
  version: tls.SecureVersion,
): Promise<{ client: tls.TLSSocket; below: net.Socket; ended: Promise<unknown> }> {
  const context = createLocalAuthority().secureContextFor('api.test');
  const listening = net.createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1');
  server = listening;
  await once(listening, 'listening');
  const accepted = once(listening, 'connection');
  const below = net.connect((listening.address() as net.AddressInfo).port, '127.0.0.1');
  const options = { servername: 'api.test', rejectUnauthorized: false, minVersion: version, maxVersion: version };
  const client = tls.connect({ socket: below, ...options });
  const ours = new SecuredSocket((await accepted)[0] as net.Socket, context);
  ours.on('error', () => {}).resume();
  const ended = new Promise((resolve) => ours.once('close', resolve));
  await once(client, 'secureConnect');
  return { client, below, ended };
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
