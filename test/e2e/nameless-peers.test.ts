import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseAuthority } from '../../common/net/host.ts';
import { FrameType } from '../../proxy/protocols/http2/frames.ts';
import { ControlPlaneProcess } from '../support/control-plane/control-plane-process.ts';
import {
  CLIENT_START,
  END_STREAM,
  frame,
  headers,
  type Pairs,
  POST,
  uint32,
} from '../support/protocols/http2-frames.ts';

/** Frames of peers who have shown no evidence; needs dist/ (`npm run build`). */

const CONNECTIONS = 100;
const ATTEST: Pairs = [
  ...POST.slice(0, 3),
  [':path', '/sidekey.v1.ProxyService/Attest'],
  ['content-type', 'application/grpc'],
  ['te', 'trailers'],
];
const NO_GRPC: Pairs = [...POST, ['content-type', 'text/plain']];

const calls = (first: number, count: number, head: Pairs): Buffer[] =>
  Array.from({ length: count }, (_, index) => headers(first + 2 * index, head, END_STREAM));

const folder = mkdtempSync(join(tmpdir(), 'sidekey-nameless-'));
let controlPlane: ControlPlaneProcess;
beforeAll(async () => {
  controlPlane = await ControlPlaneProcess.start(folder);
});
afterAll(async () => {
  await controlPlane.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Says all of it at once and leaves a little later. */
async function say(bytes: Buffer): Promise<void> {
  const { host, port } = parseAuthority(controlPlane.grpcAddress);
  const ca = readFileSync(controlPlane.caFile, 'utf8');
  const socket = tls.connect({ host, port, ca, ALPNProtocols: ['h2'] });
  await once(socket, 'secureConnect');
  socket.resume();
  socket.on('error', () => {});
  socket.write(bytes);
  setTimeout(() => socket.destroy(), 20);
  await once(socket, 'close');
}

// CVE-2026-56848, in Node 20 for ever.
test('who says GOAWAY with calls open, and goes on calling, does not end the control plane', async () => {
  const goaway = frame(FrameType.GOAWAY, 0, 0, uint32(0, 0));
  const open = headers(1, ATTEST);
  const bytes = Buffer.concat([CLIENT_START, open, ...calls(3, 30, NO_GRPC), goaway, ...calls(63, 20, ATTEST)]);
  for (let left = CONNECTIONS; left > 0; left -= 1) await say(bytes);
  expect(await controlPlane.rest('GET', '/healthz')).toMatchObject({ status: 200 });
});
