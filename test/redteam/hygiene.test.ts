import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { buildSync } from 'esbuild';
import { afterEach, describe, expect, test } from 'vitest';
import { Secret } from '../../common/secret.ts';
import {
  bearer,
  denial,
  grant,
  type ProxyWorld,
  route,
  SECRET,
  startProxyWorld,
} from '../support/worlds/proxy-world.ts';
import { startRawUpstream } from '../support/upstreams/upstream.ts';
import { until } from '../support/until.ts';
import { renderings } from '../support/protocols/renderings.ts';

let world: ProxyWorld;
afterEach(() => world?.close());

const code = (text: string): string => JSON.parse(text).code;

describe('A-31 the memory of the process', () => {
  test('cannot be dumped, and the inspector signal opens nothing', () => {
    const script = `
      import { hardenProcess } from './common/hardening.ts';
      const isClosed = await hardenProcess();
      const { default: koffi } = await import('koffi');
      const prctl = koffi.load('libc.so.6').func('int prctl(int, unsigned long, unsigned long, unsigned long, unsigned long)');
      process.kill(process.pid, 'SIGUSR1');
      await new Promise((resolve) => setTimeout(resolve, 200));
      const { url } = await import('node:inspector');
      console.log(JSON.stringify({ isClosed, dumpable: prctl(3, 0, 0, 0, 0), inspectorUrl: url() ?? null }));`;
    const root = new URL('../..', import.meta.url).pathname;
    const { outputFiles } = buildSync({
      stdin: { contents: script, resolveDir: root, loader: 'js' },
      bundle: true,
      platform: 'node',
      format: 'esm',
      packages: 'external',
      write: false,
    });
    const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', outputFiles[0]?.text ?? ''], {
      cwd: root,
      encoding: 'utf8',
    });
    expect(stderr).not.toContain('Debugger listening');
    expect(JSON.parse(stdout)).toEqual({ isClosed: true, dumpable: 0, inspectorUrl: null });
  });

  test('a secret does not print, join or serialise', () => {
    const secret = new Secret(SECRET);
    for (const text of [
      `${secret}`,
      String([secret]),
      JSON.stringify({ secret }),
      inspect({ secret }, { depth: 9, showHidden: true }),
    ]) {
      expect(text).not.toContain(SECRET);
    }
  });
});

test('A-35 the admin port is out of reach through the proxy, and tells no secret', async () => {
  world = await startProxyWorld({
    config: { admin: { host: '127.0.0.1', port: 0 }, unrouted: 'observe' },
    allowLoopback: true,
  });
  const at = world.proxy.adminAddress ?? '';
  world.client.setRoutes([route({ hosts: ['127.0.0.1'], ports: [Number(at.split(':')[1])] })]);
  const agent = await world.agent();
  const answer = await agent.exchange(`GET http://${at}/metrics HTTP/1.1\r\nHost: ${at}\r\n\r\n`);
  expect(code(answer.text)).toBe('loop-refused');
  const tunnel = await agent.exchange(`CONNECT ${at} HTTP/1.1\r\nHost: ${at}\r\n\r\n`, 'CONNECT');
  if (tunnel.status === 200) {
    agent.send(`GET /metrics HTTP/1.1\r\nHost: ${at}\r\n\r\n`);
    await agent.until((text) => text.includes('loop-refused'));
  }
  expect(agent.received.toString()).not.toContain('sidekey_decisions_total');
});

test('A-35 the admin socket is for its owner alone', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sidekey-admin-'));
  const socketPath = join(folder, 'admin.sock');
  world = await startProxyWorld({ config: { admin: { socketPath } } });
  expect(statSync(socketPath).mode & 0o077).toBe(0);
  await world.close();
  rmSync(folder, { recursive: true });
});

test('A-37 no output of the proxy holds the credential: answers, problems, logs, records, metrics', async () => {
  world = await startProxyWorld({ config: { admin: { host: '127.0.0.1', port: 0 } } });
  const breaking = await startRawUpstream((socket) => void socket.once('data', (bytes) => socket.end(bytes)));
  world.client.setRoutes([route({ ports: [world.upstream.httpPort, world.upstream.httpsPort, breaking.port] })]);
  world.upstream.handle(async (request, response) => {
    const { headers } = await world.upstream.note(request);
    response.setHeader('X-Echo', headers.authorization ?? '');
    if (request.url === '/cut') return void response.destroy();
    response.end(JSON.stringify(headers));
  });
  const agent = await world.agent();
  await agent.exchange(world.request('GET', '/'));
  await agent.exchange(world.request('GET', '/cut'));
  const at = `api.test:${breaking.port}`;
  const echoed = await agent.exchange(`GET http://${at}/ HTTP/1.1\r\nHost: ${at}\r\n\r\n`);
  expect(echoed.status).toBe(502);
  world.client.decide = (question) => grant(question, bearer(`${SECRET}\r\nX: y`));
  await agent.exchange(world.request('GET', '/'));
  world.client.decide = () => denial('policy-denied');
  await agent.exchange(world.request('GET', '/'));
  const metrics = await new Promise<string>((resolve, reject) => {
    http
      .get(`http://${world.proxy.adminAddress}/metrics`, { agent: false }, async (response) => {
        let text = '';
        for await (const piece of response) text += piece;
        resolve(text);
      })
      .on('error', reject);
  });
  const outputs = {
    agent: agent.received.toString('latin1'),
    logs: world.logged(),
    records: JSON.stringify(world.client.records),
    metrics,
  };
  for (const [name, text] of Object.entries(outputs)) {
    for (const [rendering, value] of renderings(SECRET))
      expect(text.includes(value), `${name}: ${rendering}`).toBe(false);
  }
  await breaking.close();
});

test('A-54 tokens of any length are compared over hashes', async () => {
  world = await startProxyWorld({ config: { proxyToken: new Secret('token-of-this-agent') } });
  for (const given of ['', 't', 'token-of-this-agent-and-more', 'x'.repeat(5000)]) {
    const agent = await world.agent();
    const answer = await agent.exchange(world.request('GET', '/', [`Proxy-Authorization: Bearer ${given}`]));
    expect([400, 407]).toContain(answer.status);
  }
  const source = readFileSync(new URL('../../proxy/io/agent/proxy-authentication.ts', import.meta.url), 'utf8');
  expect(source).toContain('token.equals(');
  await until('nothing reached the upstream', () => world.upstream.connections() === 0);
});
