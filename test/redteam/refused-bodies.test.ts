import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ProxyWorld, route, startProxyWorld } from '../support/worlds/proxy-world.ts';
import { startRawUpstream } from '../support/upstreams/upstream.ts';

let world: ProxyWorld;
beforeAll(async () => {
  world = await startProxyWorld();
});
afterAll(() => world.close());

test('A-21 of a call whose body is refused with its head, no byte and no credential reaches the upstream', async () => {
  const received: string[] = [];
  const raw = await startRawUpstream((socket) => {
    socket.on('data', (bytes) => {
      received.push(bytes.toString('latin1'));
      if (bytes.toString('latin1').startsWith('GET')) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
    });
  });
  world.client.setRoutes([route({ ports: [raw.port] })]);
  const agent = await world.agent();
  const head = (method: string, fields: string): string =>
    `${method} http://api.test:${raw.port}/ HTTP/1.1\r\nHost: api.test:${raw.port}\r\n${fields}\r\n`;
  // A connection is kept, so that the next call could leave at once.
  expect((await agent.exchange(head('GET', ''))).status).toBe(200);
  const form = '_method=DELETE&a=1';
  const fields = `Content-Type: application/x-www-form-urlencoded\r\nContent-Length: ${form.length}\r\n`;
  const answer = await agent.exchange(head('POST', fields) + form);
  expect(answer.status).toBe(405);
  const after = await world.agent();
  expect((await after.exchange(head('GET', ''))).status).toBe(200);
  expect(received.map((text) => text.split(' ', 1)[0])).toEqual(['GET', 'GET']);
  await raw.close();
});
