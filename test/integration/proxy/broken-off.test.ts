import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { withFolder } from '../../support/folder.ts';
import { runProcess } from '../../support/process.ts';
import { type ProxyWorld, startProxyWorld } from '../../support/worlds/proxy-world.ts';

// In HTTP/1.0 an answer of unknown length ends with its connection: curl must not take a part for the whole.
let world: ProxyWorld;
afterEach(() => world.close());

/** curl offers `http/1.0` by ALPN, unless it is told to offer nothing. */
const WAYS = [
  ['in cleartext', 'http', []],
  ['over TLS', 'https', []],
  ['over TLS without ALPN', 'https', ['--no-alpn']],
] as const;
const ENDS = [
  ['whole', 0],
  ['broken', 56],
  ['revoked', 56],
] as const;
const CASES = WAYS.flatMap((way) => ENDS.map((end) => [...way, ...end] as const));

test.each(CASES)('an answer without a length to HTTP/1.0 %s (%s, %j), %s: curl exits with %i', async (...the) => {
  const [, scheme, options, how, code] = the;
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
  const url = `${scheme}://api.test:${scheme === 'http' ? world.upstream.httpPort : world.upstream.httpsPort}/`;
  await withFolder(async (folder) => {
    const ca = join(folder, 'ca.pem');
    await writeFile(ca, world.proxy.caPem ?? '');
    const curl = ['curl', '-sS', '--max-time', '30', '--http1.0', '--cacert', ca, ...options, '-x', proxy, url];
    expect(await runProcess(curl, { PATH: process.env['PATH'] })).toMatchObject({ code, stdout: 'a part' });
  });
});
