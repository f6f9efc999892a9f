import { spawnSync } from 'node:child_process';
import { statSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { withFolder } from '../../support/folder.ts';
import { type ProxyWorld, SECRET, startProxyWorld } from '../../support/worlds/proxy-world.ts';
import { runProcess } from '../../support/process.ts';
import { connectRaw, RawAgent } from '../../support/agents/raw-agent.ts';

const HAS_CURL = spawnSync('curl', ['--version']).status === 0;
const HAS_JAVA = spawnSync('javac', ['-version']).status === 0;
const ASK_IN_JAVA = `
import java.net.URI;
import java.net.http.*;
public class Ask {
  public static void main(String[] args) throws Exception {
    HttpRequest request = HttpRequest.newBuilder(URI.create(args[0])).build();
    HttpResponse<String> answer = HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString());
    System.out.print(answer.statusCode() + " " + answer.body());
  }
}`;

let world: ProxyWorld;
afterEach(() => world?.close());

/** A world whose proxy is `api.test` on a port of its own, or on a unix socket. */
async function start(at?: { socketPath: string }): Promise<number> {
  world = await startProxyWorld({
    listeners: ({ httpsPort }) => ({
      local: [{ at: at ?? { host: '127.0.0.1', port: 0 }, upstream: { host: 'api.test', port: httpsPort } }],
    }),
  });
  return world.proxy.localAddresses[0]?.port ?? 0;
}

describe('a listener for one upstream', () => {
  test('takes HTTP in cleartext, and calls the upstream over TLS with the credential', async () => {
    const port = await start();
    const agent = await connectRaw(port);
    const { httpsPort } = world.upstream;
    for (const host of [`127.0.0.1:${port}`, `localhost:${port}`, 'api.test', `API.test:${httpsPort}`]) {
      const answer = await agent.exchange(`GET /v1?a=1 HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
      expect(answer.text).toBe('hello');
    }
    const url = `http://127.0.0.1:${port}/v1`;
    expect((await agent.exchange(`GET ${url} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`)).text).toBe('hello');
    expect(world.upstream.seen).toHaveLength(5);
    for (const seen of world.upstream.seen) {
      expect(seen.secure).toBe(true);
      expect(seen.headers.host).toBe(`api.test:${httpsPort}`);
      expect(seen.headers.authorization).toBe(`Bearer ${SECRET}`);
    }
    expect(world.client.records[0]?.destination).toMatchObject({ scheme: 'https', host: 'api.test', port: httpsPort });
    agent.destroy();
  });

  test.skipIf(!HAS_JAVA)('serves Java, whose client asks for an upgrade to h2c', async () => {
    const port = await start();
    await withFolder(async (folder) => {
      const source = join(folder, 'Ask.java');
      writeFileSync(source, ASK_IN_JAVA);
      const end = await runProcess(['java', source, `http://127.0.0.1:${port}/v1`], { PATH: process.env['PATH'] });
      expect(end).toMatchObject({ stdout: '200 hello', code: 0 });
    });
    expect(world.upstream.seen[0]?.headers).not.toHaveProperty('http2-settings');
  });

  test('refuses every other host (421), so that a page that rebinds its name gets nowhere', async () => {
    const port = await start();
    const agent = await connectRaw(port);
    for (const host of ['evil.test', `evil.test:${port}`, '127.0.0.1', 'localhost:1', 'api.test:1', '127.0.0.2']) {
      expect((await agent.exchange(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`)).status).toBe(421);
    }
    const answer = await agent.exchange('GET http://evil.test/ HTTP/1.1\r\nHost: api.test\r\n\r\n');
    expect(answer.status).toBe(421);
    expect(world.upstream.seen).toEqual([]);
    agent.destroy();
  });

  test('opens no tunnels', async () => {
    const agent = await connectRaw(await start());
    const answer = await agent.exchange('CONNECT api.test:443 HTTP/1.1\r\nHost: api.test:443\r\n\r\n', 'CONNECT');
    expect(answer.status).toBe(405);
    agent.destroy();
  });

  test('refuses to be called through the proxy itself', async () => {
    const port = await start();
    world.client.setRoutes([
      ...world.client.routes(),
      { ...world.client.routes()[0]!, hosts: ['localhost'], ports: [port] },
    ]);
    const agent = await world.agent();
    const answer = await agent.exchange(`GET http://localhost:${port}/ HTTP/1.1\r\nHost: localhost:${port}\r\n\r\n`);
    expect(answer.status).toBe(508);
  });

  test('may be a unix socket', async () => {
    await withFolder(async (folder) => {
      const socketPath = join(folder, 'api.sock');
      await start({ socketPath });
      expect(statSync(socketPath).mode & 0o777).toBe(0o600);
      const agent = new RawAgent(net.connect(socketPath));
      expect((await agent.exchange('GET /v1 HTTP/1.1\r\nHost: localhost\r\n\r\n')).text).toBe('hello');
      expect((await agent.exchange('GET /v1 HTTP/1.1\r\nHost: other.test\r\n\r\n')).status).toBe(421);
      agent.destroy();
      if (!HAS_CURL) return;
      const end = await runProcess(['curl', '-sS', '--unix-socket', socketPath, 'http://localhost/v1'], {
        PATH: process.env['PATH'],
      });
      expect(end).toMatchObject({ stdout: 'hello', stderr: '' });
    });
  });
});

test.each([
  ['a remote explicit port', { listen: { host: '0.0.0.0', port: 0 } }, 'remote-listener'],
  ['a remote transparent port', { transparent: [{ host: '0.0.0.0', port: 0 }] }, 'remote-listener'],
  ['a remote admin port', { admin: { host: '0.0.0.0', port: 0 } }, 'remote-listener'],
  [
    'a remote local listener',
    { local: [{ at: { host: '::', port: 0 }, upstream: { host: 'api.test', port: 443 } }] },
    'remote-listener',
  ],
])('%s needs to be allowed', async (_what, config, code) => {
  await expect(startProxyWorld({ config })).rejects.toMatchObject({ code });
  world = await startProxyWorld({ config: { ...config, allowRemote: true } });
});
