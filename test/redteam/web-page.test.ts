import { spawn, spawnSync } from 'node:child_process';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { withFolder } from '../support/folder.ts';
import { type ProxyWorld, startProxyWorld } from '../support/worlds/proxy-world.ts';
import { connectRaw } from '../support/agents/raw-agent.ts';

// A listener for one upstream is a server on this machine, and any page in a browser of this machine may call it. It needs no CORS
// to write, none to open a WebSocket, and many APIs let every origin read.
const BROWSER = 'chromium';
const HAS_BROWSER = spawnSync(BROWSER, ['--version']).status === 0;

let world: ProxyWorld;
afterEach(() => world?.close());

async function startLocal(): Promise<number> {
  world = await startProxyWorld({
    listeners: ({ httpsPort }) => ({
      local: [{ at: { host: '127.0.0.1', port: 0 }, upstream: { host: 'api.test', port: httpsPort } }],
    }),
  });
  return world.proxy.localAddresses[0]?.port ?? 0;
}

describe('A-30 a page in a browser of this machine', () => {
  test.each([
    ['sends a form', 'POST', ['Origin: https://evil.test', 'Sec-Fetch-Site: cross-site']],
    ['sends a form, by an old browser', 'POST', ['Origin: https://evil.test']],
    ['shows an image', 'GET', ['Sec-Fetch-Site: cross-site', 'Sec-Fetch-Dest: image']],
    ['is on another port', 'GET', ['Sec-Fetch-Site: same-site']],
    ['hides where it is from', 'POST', ['Origin: null']],
    ['is of the very upstream', 'POST', ['Origin: https://api.test']],
    ['asks whether it may', 'OPTIONS', ['Origin: https://evil.test', 'Access-Control-Request-Method: DELETE']],
    ['says it twice', 'GET', ['Sec-Fetch-Site: same-origin', 'Sec-Fetch-Site: cross-site']],
    [
      'opens a WebSocket',
      'GET',
      [
        'Origin: https://evil.test',
        'Upgrade: websocket',
        'Connection: Upgrade',
        'Sec-WebSocket-Version: 13',
        'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
      ],
    ],
  ])('%s: refused', async (_what, method, fields) => {
    const port = await startLocal();
    const agent = await connectRaw(port);
    const head = [`${method} /v1 HTTP/1.1`, `Host: 127.0.0.1:${port}`, ...fields];
    const answer = await agent.exchange(`${head.join('\r\n')}\r\n\r\n`);
    expect(answer.status).toBe(403);
    expect(answer.text).toContain('caller-refused');
    expect(world.upstream.seen).toEqual([]);
    expect(world.client.records).toHaveLength(1);
    agent.destroy();
  });

  test.each([
    ['no browser', []],
    ['the library ws, or websocket-client', ['Origin: http://127.0.0.1:PORT']],
    ['fetch of Node', ['Sec-Fetch-Mode: cors']],
    ['a user who enters the address', ['Sec-Fetch-Site: none']],
    ['a page of the listener itself', ['Sec-Fetch-Site: same-origin', 'Origin: http://localhost:PORT']],
  ])('%s passes', async (_what, fields) => {
    const port = await startLocal();
    const agent = await connectRaw(port);
    const head = ['GET /v1 HTTP/1.1', `Host: 127.0.0.1:${port}`, ...fields].join('\r\n').replaceAll('PORT', `${port}`);
    expect((await agent.exchange(`${head}\r\n\r\n`)).status).toBe(200);
    agent.destroy();
  });
});

test.runIf(HAS_BROWSER)(
  'A-30 Chromium, on a page of somebody else, reaches nothing through the listener',
  async () => {
    const port = await startLocal();
    world.upstream.handle((request, response) => {
      request.resume();
      response.writeHead(200, { 'access-control-allow-origin': '*', 'content-type': 'text/plain' });
      response.end('what only the credential opens');
    });
    const page = `<script type="module">
      const api = 'http://127.0.0.1:${port}';
      const read = (answer) => fetch(answer).then((found) => found.text(), String);
      const texts = [await read(api + '/read'),
        await fetch(api + '/charge', { method: 'POST', mode: 'no-cors', body: '{"amount":1}' }).then(() => '', String)];
      await fetch('/told', { method: 'POST', body: JSON.stringify(texts) });
    </script>`;
    const told = await visit(page);
    expect(told).not.toContain('what only the credential opens');
    expect(world.upstream.seen).toEqual([]);
    expect(world.client.records.length).toBeGreaterThan(0);
  },
  180_000,
);

/** Shows the page at an origin of its own; resolves with what it posts to `/told`. */
async function visit(page: string): Promise<string> {
  let tell: (text: string) => void;
  const told = new Promise<string>((resolve) => {
    tell = resolve;
  });
  const server = http.createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      response.setHeader('content-type', 'text/html');
      response.end(request.url === '/' ? page : '');
      if (request.url === '/told') tell(Buffer.concat(chunks).toString());
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  try {
    await withFolder(async (folder) => {
      const browser = spawn(
        BROWSER,
        [
          '--headless=new',
          '--no-sandbox',
          '--disable-gpu',
          `--user-data-dir=${folder}`,
          '--host-resolver-rules=MAP evil.test 127.0.0.1',
          `http://evil.test:${port}/`,
        ],
        { stdio: 'ignore', detached: true },
      );
      try {
        await told;
      } finally {
        const ended = new Promise((resolve) => browser.once('exit', resolve));
        if (browser.pid !== undefined) process.kill(-browser.pid, 'SIGKILL');
        await ended;
      }
    });
  } finally {
    server.close();
    server.closeAllConnections();
  }
  return await told;
}
