import { afterEach, expect, test } from 'vitest';
import { runProcess } from '../../support/process.ts';
import { type ProxyWorld, startProxyWorld } from '../../support/proxy-world.ts';

// In HTTP/1.0 an answer of unknown length ends with its connection: curl must not take a part for the whole.
let world: ProxyWorld;
afterEach(() => world.close());

test.each([
  ['whole', 0],
  ['broken', 56],
  ['revoked', 56],
] as const)('an answer without a length to HTTP/1.0, %s: curl exits with %i', async (how, code) => {
  world = await startProxyWorld();
  world.upstream.handle((request, response) => {
    response.write('a part');
    setTimeout(() => {
      if (how === 'whole') response.end();
      else if (how === 'broken') request.socket.destroy();
      else world.client.revoke({ id: '1', target: 5, name: 'session-1', at: undefined, lifted: false });
    }, 100);
  });
  const proxy = `http://127.0.0.1:${world.proxy.address.port}`;
  const url = `http://api.test:${world.upstream.httpPort}/`;
  const curl = ['curl', '-s', '--max-time', '30', '--http1.0', '-x', proxy, url];
  expect(await runProcess(curl, { PATH: process.env['PATH'] })).toMatchObject({ code, stdout: 'a part' });
});
