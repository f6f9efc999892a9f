import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ForeignServer, startForeignServer } from '../support/upstreams/foreign-server.ts';
import { runProcess } from '../support/process.ts';

// Go's net/http gives windows back in small steps, on the stream and on the connection, as client and as server.
const SOURCE = join(import.meta.dirname, '../support/agents/http2-transfers.go');
const hasGo = spawnSync('go', ['version']).status === 0;
const TRANSFER_BYTES = 20_000_000;

describe.skipIf(!hasGo)("Go's net/http in HTTP/2 on both sides (it needs golang-go)", () => {
  let folder: string;
  let program: string;
  let server: ForeignServer | undefined;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sidekey-go-'));
    program = join(folder, 'transfers');
    const env = { PATH: process.env['PATH'], HOME: process.env['HOME'], GOTOOLCHAIN: 'local' };
    const built = await runProcess(['go', 'build', '-o', program, SOURCE], env, { timeoutMs: 280_000 });
    expect(built).toMatchObject({ code: 0, stderr: '' });
    server = await startForeignServer((at) => [program, 'serve', join(at, 'cert.pem'), join(at, 'key.pem')]);
  }, 300_000);

  afterAll(async () => {
    await server?.close();
    await rm(folder, { recursive: true, force: true });
  });

  test('20 MB go up and come down', async () => {
    if (server === undefined) throw new Error('no server');
    const { world, port, caFile } = server;
    const env = { HTTPS_PROXY: `http://127.0.0.1:${world.proxy.address.port}` };
    // Go takes no proxy for localhost, whatever the environment says.
    const url = `https://localhost.:${port}/`;
    const command = [program, 'call', url, caFile, String(TRANSFER_BYTES)];
    const { stdout } = await runProcess(command, env, { timeoutMs: 90_000 });
    expect(stdout.trim()).toBe(`HTTP/2.0 HTTP/2.0 200 ${TRANSFER_BYTES} ${TRANSFER_BYTES}`);
  }, 120_000);
});
