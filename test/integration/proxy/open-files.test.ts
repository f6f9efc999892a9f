import { existsSync } from 'node:fs';
import { afterEach, expect, test } from 'vitest';
import { ask } from '../../support/agents/http2-agent.ts';
import { http2Session } from '../../support/agents/proxied-agent.ts';
import { type ProxyProcess, startProxyProcess } from '../../support/worlds/proxy-process.ts';
import { startUpstream, type Upstream } from '../../support/upstreams/upstream.ts';

let upstream: Upstream;
let proxy: ProxyProcess;
afterEach(async () => {
  await proxy.close();
  await upstream.close();
});

test.skipIf(!existsSync('/usr/bin/prlimit'))('a call for which no file can be opened any more says so', async () => {
  upstream = await startUpstream(['localhost']);
  const { httpsPort: port, caPem } = upstream;
  proxy = await startProxyProcess({ upstreams: [{ host: 'localhost', port, caPem }], injects: false });
  const agent = await http2Session(proxy, 'localhost', port);
  proxy.limitDescriptors(1);
  const refused = await ask(agent, { ':path': '/x' });
  expect(refused.status).toBe(503);
  expect(JSON.parse(refused.body.toString())).toMatchObject({
    detail: 'the proxy may open no more files (ulimit -n)',
  });
  proxy.limitDescriptors(1_024);
  expect((await ask(agent, { ':path': '/x' })).status).toBe(200);
  agent.destroy();
});
