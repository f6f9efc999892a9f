import { afterEach, describe, expect, test } from 'vitest';
import type { Question } from '../../policy-client/index.ts';
import {
  type ProxyWorld,
  type ProxyWorldOptions,
  route,
  noteQuestions,
  startProxyWorld,
} from '../support/worlds/proxy-world.ts';

let world: ProxyWorld;
afterEach(() => world.close());

/** A world that notes what policy was asked. */
async function start(options: ProxyWorldOptions = {}): Promise<Question[]> {
  world = await startProxyWorld(options);
  return noteQuestions(world);
}

const code = (text: string): string => JSON.parse(text).code;

describe('A-26 addresses that no route allows', () => {
  test.each([
    '169.254.169.254',
    '169.254.170.2',
    '127.0.0.1',
    '0.0.0.0',
    '10.0.0.1',
    '172.16.0.1',
    '192.168.1.1',
    '100.64.0.1',
    '100.100.100.200',
    '224.0.0.1',
    '255.255.255.255',
    '[::1]',
    '[::]',
    '[fd00:ec2::254]',
    '[fe80::1]',
    '[::ffff:169.254.169.254]',
    '[64:ff9b::a9fe:a9fe]',
    '[2002:7f00:1::]',
  ])('%s', async (host) => {
    await start({ config: { unrouted: 'observe' } });
    const agent = await world.agent();
    const answer = await agent.exchange(`GET http://${host}/latest/meta-data HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    expect(answer.status).toBe(403);
    expect(code(answer.text)).toBe('address-refused');
  });

  test('a name that leads there, even on a route with an exception for others', async () => {
    await start({ lookup: () => ['169.254.169.254'] });
    const agent = await world.agent();
    const answer = await agent.exchange(world.request('GET', '/'));
    expect(code(answer.text)).toBe('address-refused');
    expect(answer.text).not.toContain('169.254');
  });
});

describe('A-27 rebinding', () => {
  test('one bad address among good ones refuses the host', async () => {
    await start({ lookup: () => ['127.0.0.1', '10.0.0.1'] });
    const agent = await world.agent();
    expect(code((await agent.exchange(world.request('GET', '/'))).text)).toBe('address-refused');
    expect(world.upstream.connections()).toBe(0);
  });

  test('the checked address is the dialled one: one lookup a connection, none by the socket', async () => {
    let lookups = 0;
    await start({ lookup: () => [++lookups === 1 ? '127.0.0.1' : '169.254.169.254'] });
    const agent = await world.agent();
    expect((await agent.exchange(world.request('GET', '/'))).status).toBe(200);
    expect(lookups).toBe(1);
    expect(world.client.records[0]?.upstreamAddress).toBe('127.0.0.1');
    world.client.setRoutes([route({ ports: [world.upstream.httpPort] })]);
    expect(code((await agent.exchange(world.request('GET', '/'))).text)).toBe('address-refused');
  });

  test('a kept connection does not survive a route that takes its address back', async () => {
    await start();
    const agent = await world.agent();
    let finish: (() => void) | undefined;
    world.upstream.handle((_request, response) => {
      response.write('first ');
      finish = () => response.end('last');
    });
    agent.send(world.request('GET', '/'));
    await agent.until((text) => text.includes('first'));
    world.client.setRoutes([route({ ports: [world.upstream.httpPort], allowedAddresses: [] })]);
    finish?.();
    expect((await agent.answer()).text).toBe('first last');
    expect(code((await agent.exchange(world.request('GET', '/'))).text)).toBe('address-refused');
    expect(world.upstream.connections()).toBe(1);
  });
});

test('A-28 a name that policy does not know is never looked up', async () => {
  await start();
  const agent = await world.agent();
  const name = `${Buffer.from('stolen data').toString('hex')}.evil.test`;
  await agent.exchange(`GET http://${name}/ HTTP/1.1\r\nHost: ${name}\r\n\r\n`);
  await agent.exchange(`CONNECT ${name}:443 HTTP/1.1\r\nHost: ${name}:443\r\n\r\n`, 'CONNECT');
  expect(world.lookups).toEqual([]);
});

describe('A-55 loops', () => {
  test.each(['127.0.0.1', 'localhost', '[::ffff:127.0.0.1]', '0.0.0.0', 'api.test'])(
    'the proxy by the name %s',
    async (host) => {
      await start({ config: { unrouted: 'observe' }, allowLoopback: true });
      const { port } = world.proxy.address;
      world.client.setRoutes([route({ ports: [port] })]);
      const agent = await world.agent();
      const at = `${host}:${port}`;
      const answer = await agent.exchange(`GET http://${at}/ HTTP/1.1\r\nHost: ${at}\r\n\r\n`);
      expect(['loop-refused', 'address-refused']).toContain(code(answer.text));
    },
  );

  test('the control plane', async () => {
    await start({
      config: { unrouted: 'tunnel', controlPlane: { address: '198.18.0.1:8443', caPem: '', tenant: 'x' } },
    });
    const agent = await world.agent();
    const answer = await agent.exchange('CONNECT 198.18.0.1:8443 HTTP/1.1\r\nHost: 198.18.0.1:8443\r\n\r\n', 'CONNECT');
    expect(code(answer.text)).toBe('loop-refused');
  });

  test('a call that has been here before', async () => {
    await start();
    const agent = await world.agent();
    await agent.exchange(world.request('GET', '/'));
    const via = world.upstream.seen[0]?.headers.via ?? '';
    const answer = await agent.exchange(world.request('GET', '/', [`Via: 1.0 other, ${via}`]));
    expect(answer.status).toBe(508);
    expect(world.upstream.seen).toHaveLength(1);
  });
});
