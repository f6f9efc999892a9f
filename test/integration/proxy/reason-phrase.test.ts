import { afterAll, beforeAll, expect, test } from 'vitest';
import { runProcess } from '../../support/process.ts';
import { type ProxyWorld, startProxyWorld } from '../../support/worlds/proxy-world.ts';

let world: ProxyWorld;
let env: NodeJS.ProcessEnv;
beforeAll(async () => {
  world = await startProxyWorld();
  const { host, port } = world.proxy.address;
  env = { PATH: process.env['PATH'], http_proxy: `http://${host}:${port}` };
});
afterAll(() => world.close());

test.each([
  ['urllib', ['python3', '-c', 'import sys, urllib.request as r; r.urlopen(sys.argv[1])'], 'HTTP Error 403: '],
  [
    'requests',
    ['python3', '-c', 'import sys, requests as r; r.get(sys.argv[1]).raise_for_status()'],
    '403 Client Error: ',
  ],
  ['wget', ['wget', '-O-', '--tries=1'], 'ERROR 403: '],
])('%s shows the reason code of a denial, though not its body', async (_, command, before) => {
  const { stderr } = await runProcess([...command, 'http://nowhere.test/'], env);
  expect(stderr).toContain(`${before}Forbidden (sidekey: no-route)`);
});
