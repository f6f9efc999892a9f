import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runProcess } from '../support/process.ts';
import { HOSTS, type ProxyWorld, route, startProxyWorld } from '../support/proxy-world.ts';
import { makeTlsIdentity } from '../support/tls-identity.ts';

// Go's net/http gives windows back in small steps, on the stream and on the connection, as client and as server.
const SOURCE = join(import.meta.dirname, '../support/http2-transfers.go');
const hasGo = spawnSync('go', ['version']).status === 0;
const TRANSFER_BYTES = 20_000_000;

describe.skipIf(!hasGo)("Go's net/http in HTTP/2 on both sides (it needs golang-go)", () => {
  let folder: string;
  let program: string;
  let server: ChildProcess;
  let port: number;
  let world: ProxyWorld;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sidekey-go-'));
    program = join(folder, 'transfers');
    const env = { PATH: process.env['PATH'], HOME: process.env['HOME'], GOTOOLCHAIN: 'local' };
    const built = await runProcess(['go', 'build', '-o', program, SOURCE], env, { timeoutMs: 280_000 });
    expect(built).toMatchObject({ code: 0, stderr: '' });
    const { key, cert, caPem } = makeTlsIdentity(HOSTS);
    await writeFile(join(folder, 'key.pem'), key);
    await writeFile(join(folder, 'cert.pem'), cert);
    server = spawn(program, ['serve', join(folder, 'cert.pem'), join(folder, 'key.pem')], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    if (server.stdout === null) throw new Error('no output of the server');
    const [line] = (await once(server.stdout, 'data')) as [Buffer];
    port = Number(line.toString());
    world = await startProxyWorld({
      routes: () => [route({ hosts: ['localhost'], ports: [port], tls: { mode: 1, caPem, serverName: '' } })],
    });
    await writeFile(join(folder, 'ca.pem'), world.proxy.caPem ?? '');
  }, 300_000);

  afterAll(async () => {
    server?.kill();
    await world?.close();
    await rm(folder, { recursive: true, force: true });
  });

  test('20 MB go up and come down', async () => {
    const env = { HTTPS_PROXY: `http://127.0.0.1:${world.proxy.address.port}` };
    // Go takes no proxy for localhost, whatever the environment says.
    const url = `https://localhost.:${port}/`;
    const command = [program, 'call', url, join(folder, 'ca.pem'), String(TRANSFER_BYTES)];
    const { stdout } = await runProcess(command, env, { timeoutMs: 90_000 });
    expect(stdout.trim()).toBe(`HTTP/2.0 HTTP/2.0 200 ${TRANSFER_BYTES} ${TRANSFER_BYTES}`);
  }, 120_000);
});
