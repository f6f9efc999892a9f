import { freePort } from '../support/free-port.ts';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findGoProgram } from '../support/go-program.ts';
import { connectAgent } from '../support/agents/proxied-agent.ts';
import { type InjectingWorld, startInjectingWorld } from '../support/worlds/injecting-world.ts';
import { runProcess } from '../support/process.ts';
import { makeTlsIdentity } from '../support/tls-identity.ts';

// A real S3 server nobody here wrote, which checks every signature.
const SERVER = findGoProgram('versitygw', '--version');
const HAS_GO = SERVER !== undefined && spawnSync('go', ['version']).status === 0;
const REAL = { accessKeyId: 'AKIAREALREALREALREAL', secretAccessKey: 'wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY' };

describe.skipIf(SERVER === undefined)('an S3 server (it needs versitygw, which `npm test` installs with Go)', () => {
  let folder: string;
  let server: ChildProcess;
  let output = '';
  let injecting: InjectingWorld;
  let port: number;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sidekey-s3-'));
    await mkdir(join(folder, 'root', 'bucket'), { recursive: true });
    const { caPem, cert, key } = makeTlsIdentity(['localhost']);
    writeFileSync(join(folder, 'cert.pem'), cert);
    writeFileSync(join(folder, 'key.pem'), key);
    port = await freePort();
    const tls = ['--cert', join(folder, 'cert.pem'), '--key', join(folder, 'key.pem')];
    const args = ['--port', `127.0.0.1:${port}`, ...tls, 'posix', join(folder, 'root')];
    const env = { ROOT_ACCESS_KEY: REAL.accessKeyId, ROOT_SECRET_KEY: REAL.secretAccessKey, PATH: process.env['PATH'] };
    server = spawn(SERVER ?? '', args, { env });
    server.stdout?.on('data', (text: Buffer) => (output += text.toString()));
    server.stderr?.on('data', (text: Buffer) => (output += text.toString()));
    await listening(port);
    const inject = { type: 'aws-sigv4', service: 's3', regions: ['us-east-1'] };
    injecting = await startInjectingWorld(
      { port, caPem },
      { key: JSON.stringify(REAL) },
      { s3: { paths: ['/**'], credentials: [{ provider: 'key', inject }] } },
      { proxy: { local: [{ at: { host: '127.0.0.1', port: 0 }, upstream: { host: 'localhost', port } }] } },
    );
  }, 180_000);
  afterAll(async () => {
    await injecting?.close();
    server?.kill();
    await rm(folder, { recursive: true, force: true });
  });

  it("takes what AWS's SDK sends with a dummy key, a stream with its checksum behind it too", {
    timeout: 60_000,
  }, async () => {
    const { world } = injecting;
    const httpsAgent = connectAgent({ port: world.proxy.address.port, caPem: readFileSync(world.proxyCaFile, 'utf8') });
    const client = new S3Client({
      region: 'us-east-1',
      endpoint: `https://localhost:${port}`,
      credentials: { accessKeyId: 'DUMMY', secretAccessKey: 'dummy' },
      forcePathStyle: true,
      maxAttempts: 1,
      requestHandler: { httpsAgent },
    });
    const key = { Bucket: 'bucket', Key: 'a b/ü+(1).txt' };
    const body = Buffer.alloc(1_000_000, 'abc ');
    await client.send(new PutObjectCommand({ ...key, Body: 'hello' }));
    expect(await (await client.send(new GetObjectCommand(key))).Body?.transformToString()).toBe('hello');
    const pieces = Readable.from([body.subarray(0, 600_000), body.subarray(600_000)]);
    await client.send(new PutObjectCommand({ ...key, Body: pieces, ContentLength: body.length }));
    const got = await (await client.send(new GetObjectCommand(key))).Body?.transformToByteArray();
    expect(Buffer.from(got ?? []).equals(body)).toBe(true);
    httpsAgent.destroy();
  });

  it.skipIf(!HAS_GO)(
    "takes the signed chunks of MinIO's client at a local listener",
    { timeout: 300_000 },
    async () => {
      const at = `127.0.0.1:${injecting.world.proxy.localAddresses[0]?.port}`;
      const env = { ...process.env, GOFLAGS: '-mod=readonly' };
      const cwd = 'test/support/agents/s3-upload';
      const end = await runProcess(['go', 'run', '.', at, '700000'], env, { cwd, timeoutMs: 290_000 });
      expect(end.stdout, `${end.stderr}\n${output}`).toBe('true\n');
    },
  );
});

async function listening(port: number): Promise<void> {
  for (let attempt = 0; attempt < 300; attempt += 1) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => resolve(true)).on('error', () => resolve(false));
      socket.on('connect', () => socket.destroy());
    });
    if (open) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error('the server does not listen');
}
