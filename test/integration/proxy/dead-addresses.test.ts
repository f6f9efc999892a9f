import { afterEach, expect, test } from 'vitest';
import { type ProxyWorld, route, startProxyWorld } from '../../support/worlds/proxy-world.ts';

let world: ProxyWorld;
afterEach(() => world.close());

test('a host with many addresses of a family that leads nowhere is reached by the other', async () => {
  const nowhere = Array.from({ length: 6 }, (_, at) => `fd00:dead::${at + 1}`);
  world = await startProxyWorld({
    lookup: () => [...nowhere, '127.0.0.1'],
    routes: ({ httpPort }) => [route({ ports: [httpPort], allowedAddresses: ['127.0.0.0/8', 'fd00::/8'] })],
  });
  const answer = await (await world.agent()).exchange(world.request('GET', '/'));
  expect([answer.status, answer.text]).toEqual([200, 'hello']);
});
