import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runProcess } from '../support/process.ts';
import { World } from '../support/worlds/world.ts';

// Programs that nobody here wrote, run unchanged by `sidekey run`, which needs the bundle.
const BUILT = existsSync('dist/sidekey.js');
const PYTHON = '/usr/bin/python3';
const AXIOS = pathToFileURL(fileURLToPath(new URL('../../node_modules/axios/index.js', import.meta.url))).href;

const WS = createRequire(import.meta.url).resolve('ws');

interface ClientUnderTest {
  readonly name: string;
  readonly present: boolean;
  /** Calls `url` with `method` and prints the status, a space, and the body. */
  readonly command: (method: string, url: string) => readonly string[];
}

const CLIENTS: readonly ClientUnderTest[] = [
  {
    name: 'curl',
    present: runs('curl', '--version'),
    command: (method, url) => ['curl', '--silent', '--show-error', '-X', method, '-w', ' %{http_code}', url],
  },
  {
    name: 'Python requests',
    present: runs(PYTHON, '-c', 'import requests'),
    command: (method, url) => [
      PYTHON,
      '-c',
      `import requests; r = requests.request("${method}", "${url}"); print(r.status_code, r.text)`,
    ],
  },
  {
    name: 'Python httpx',
    present: runs(PYTHON, '-c', 'import httpx'),
    command: (method, url) => [
      PYTHON,
      '-c',
      `import httpx; r = httpx.request("${method}", "${url}"); print(r.status_code, r.text)`,
    ],
  },
  {
    name: 'Node fetch',
    present: true,
    command: (method, url) => [
      process.execPath,
      '-e',
      `fetch("${url}", { method: "${method}" }).then(async (r) => console.log(r.status, await r.text()))`,
    ],
  },
  {
    name: 'Node https.request',
    present: true,
    command: (method, url) => [
      process.execPath,
      '-e',
      `require("https").request("${url}", { method: "${method}" }, async (r) => {
         let text = ""; for await (const part of r) text += part; console.log(r.statusCode, text);
       }).end()`,
    ],
  },
  {
    name: 'axios',
    present: true,
    command: (method, url) => [
      process.execPath,
      '--input-type=module',
      '-e',
      `import axios from "${AXIOS}";
       const r = await axios.request({ method: "${method}", url: "${url}", validateStatus: () => true });
       console.log(r.status, JSON.stringify(r.data));`,
    ],
  },
];

function runs(program: string, ...args: string[]): boolean {
  return spawnSync(program, args).status === 0;
}

describe.skipIf(!BUILT)('clients behind `sidekey run` (they need dist/: npm run build)', () => {
  let world: World;
  beforeAll(async () => {
    world = await World.start();
  });
  afterAll(() => world.close());

  describe.each(CLIENTS)('$name', ({ command, present }) => {
    it.skipIf(!present)('calls an API that demands a token, without holding one', async () => {
      const { code, stdout, stderr } = await world.agent(command('GET', `${world.api.url}/v1/items`));
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      expect(stdout).toContain('200');
      expect(stdout).toContain('first');
    });

    it.skipIf(!present)('is told why a method is denied', async () => {
      const before = world.api.seenCalls.length;
      const { stdout } = await world.agent(command('DELETE', `${world.api.url}/v1/items`));
      expect(stdout).toContain('403');
      expect(stdout).toContain('rule-denied');
      expect(world.api.seenCalls).toHaveLength(before);
    });

    it.skipIf(!present)('never sees the token, even when the API echoes it', async () => {
      const { stdout } = await world.agent(command('GET', `${world.api.url}/v1/echo`));
      expect(stdout).toContain('200');
      expect(world.api.seenTokens.size).toBeGreaterThan(0);
      for (const token of world.api.seenTokens) {
        expect(stdout).not.toContain(token);
        expect(stdout).not.toContain(Buffer.from(token).toString('base64').slice(0, 64));
      }
    });
  });

  it.each(['local', 'issued'])('`run` may start a proxy of its own, with the %s authority', async (authority) => {
    const end = await world.agentWithOwnProxy(
      ['curl', '--silent', `${world.api.url}/v1/items`],
      '--authority',
      authority,
    );
    expect(end).toMatchObject({ code: 0, stderr: '' });
    expect(end.stdout).toContain('first');
  });

  it('every client is told why a host without a route is denied', async () => {
    for (const { command, present, name } of CLIENTS) {
      if (!present) continue;
      const { stdout } = await world.agent(command('GET', 'https://unknown.example.com/'));
      expect({ name, stdout }).toMatchObject({ stdout: expect.stringContaining('no-route') });
    }
  });

  it('so is a WebSocket of the `ws` package, which connects by itself', async () => {
    const script = `new (require("${WS}"))("wss://unknown.example.com/").on("unexpected-response",
      (_, { statusCode, statusMessage }) => { console.log(statusCode, statusMessage); process.exit(); })`;
    const { stdout } = await world.agent([process.execPath, '-e', script]);
    expect(stdout).toBe('403 Forbidden (sidekey: no-route)\n');
  });

  it('a Node before 20 starts, without the part that needs 20', async () => {
    const script = `Object.defineProperty(process.versions, "node", { value: "18.20.8" });
      const { globalAgent } = require("https"); require("./dist/node-preload.cjs");
      console.log(Symbol.for("undici.globalDispatcher.1") in globalThis, require("https").globalAgent === globalAgent)`;
    const env = { HTTPS_PROXY: 'http://127.0.0.1:9' };
    const { stdout } = await runProcess([process.execPath, '-e', script], env);
    expect(stdout).toBe('false false\n');
  });

  it('a wrong token of its own does not help and does not hurt', async () => {
    const { stdout } = await world.agent([
      'curl',
      '--silent',
      '-H',
      'Authorization: Bearer mine',
      `${world.api.url}/v1/items`,
    ]);
    expect(stdout).toContain('first');
    expect(world.api.seenTokens).not.toContain('mine');
  });

  it('a file goes up whole, and an early 100-continue is served', async () => {
    const file = join(world.folder, 'upload');
    await writeFile(file, Buffer.alloc(3_000_000, 'x'));
    const { stdout } = await world.agent([
      'curl',
      '--silent',
      '-H',
      'Expect: 100-continue',
      '--data-binary',
      `@${file}`,
      `${world.api.url}/v1/upload`,
    ]);
    expect(JSON.parse(stdout)).toEqual({ received: 3_000_000 });
  });

  it('the same call without Sidekey is refused by the API', async () => {
    const { status } = await fetchAlone(world);
    expect(status).toBe(401);
  });
});

async function fetchAlone(world: World): Promise<{ status: number }> {
  const { Agent, request } = await import('undici');
  const dispatcher = new Agent({ connect: { ca: world.api.caPem } });
  const answer = await request(`${world.api.url}/v1/items`, { dispatcher });
  await answer.body.dump();
  await dispatcher.close();
  return { status: answer.statusCode };
}
