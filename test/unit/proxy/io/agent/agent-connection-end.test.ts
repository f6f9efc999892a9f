import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import tls from 'node:tls';
import { afterEach, expect, test } from 'vitest';
import { createLocalAuthority } from '../../../../../proxy/intercept/certificate-authority.ts';
import { AgentConnection } from '../../../../../proxy/io/agent/agent-connection.ts';
import { SecuredSocket } from '../../../../../proxy/io/agent/secured-socket.ts';
import { bareServices } from '../../../../support/protocols/bare-services.ts';

const REQUEST = 'GET http://a.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n';
const ALERT = 0x15;

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

/** Serves each connection, in TLS or not; its port. */
async function serve(intercepted: boolean): Promise<number> {
  const context = createLocalAuthority().secureContextFor('a.example');
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    const top = intercepted ? new SecuredSocket(socket, context) : socket;
    new AgentConnection(bareServices(), top, { kind: 'explicit' });
    top.resume();
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  closers.push(() => server.close());
  return (server.address() as AddressInfo).port;
}

/** Passes bytes on, and keeps those that come back. */
async function tap(port: number): Promise<{ port: number; back: Buffer[]; ended: Promise<unknown> }> {
  const back: Buffer[] = [];
  const relay = net.createServer({ allowHalfOpen: true });
  const ended = new Promise((resolve, reject) => {
    relay.on('connection', (agent) => {
      const proxy = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
      agent.pipe(proxy).pipe(agent);
      proxy.on('data', (bytes: Buffer) => back.push(bytes));
      proxy.on('end', resolve).on('error', reject);
    });
  });
  await once(relay.listen(0, '127.0.0.1'), 'listening');
  closers.push(() => relay.close());
  return { port: (relay.address() as AddressInfo).port, back, ended };
}

test('an agent that says that it has no more to say in TLS is told the same', async () => {
  const through = await tap(await serve(true));
  const agent = tls.connect({
    port: through.port,
    host: '127.0.0.1',
    servername: 'a.example',
    rejectUnauthorized: false,
    // Its alerts show what they are.
    maxVersion: 'TLSv1.2',
  });
  agent.write(REQUEST);
  expect(String((await once(agent, 'data'))[0])).toContain('HTTP/1.1 403');
  const before = through.back.length;
  agent.end();
  await through.ended;
  const last = Buffer.concat(through.back.slice(before));
  expect(last[0]).toBe(ALERT);
  expect(last.length).toBe(5 + last.readUInt16BE(3));
});

test('an agent that ends its side with its request is answered, and then closed', async () => {
  const agent = net.connect({ port: await serve(false), host: '127.0.0.1', allowHalfOpen: true });
  const answer: Buffer[] = [];
  agent.on('data', (bytes: Buffer) => answer.push(bytes));
  agent.end(REQUEST.repeat(3));
  await once(agent, 'end');
  expect(
    Buffer.concat(answer)
      .toString()
      .match(/HTTP\/1\.1 403/g),
  ).toHaveLength(3);
});
