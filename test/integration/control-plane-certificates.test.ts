import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { describeError } from '../../common/errors.ts';
import { TestControlPlane } from '../support/control-plane/control-plane.ts';
import { makeTlsIdentity } from '../support/tls-identity.ts';
import { until } from '../support/until.ts';

const LOOKED_MS = 20_000;
const identity = () => makeTlsIdentity(['localhost', '127.0.0.1']);

let folder: string;
let plane: TestControlPlane;
const first = identity();
const file = (name: string): string => join(folder, name);

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sidekey-certificates-'));
  put(first);
  plane = await TestControlPlane.start({
    dataDir: file('data'),
    metricsListen: { host: '127.0.0.1', port: 0 },
    tls: { certFile: file('tls.crt'), keyFile: file('tls.key'), caFile: file('ca.crt') },
  });
});
afterEach(async () => {
  await plane.close();
  rmSync(folder, { recursive: true, force: true });
});

function put({ cert, key, caPem }: ReturnType<typeof identity>): void {
  writeFileSync(file('tls.crt'), cert);
  writeFileSync(file('tls.key'), key);
  writeFileSync(file('ca.crt'), caPem);
}

async function connect(port: number, ca: string): Promise<tls.TLSSocket> {
  const socket = tls.connect({
    port,
    host: '127.0.0.1',
    servername: 'localhost',
    ca,
    ALPNProtocols: ['h2', 'http/1.1'],
  });
  await once(socket, 'secureConnect');
  return socket;
}

/** Whether both listeners can be reached by who trusts these authorities. */
async function areReached({ caPem }: ReturnType<typeof identity>): Promise<readonly boolean[]> {
  const ports = [plane.running.grpcAddress, plane.running.restUrl].map((at) => Number(at.split(':').at(-1)));
  const outcomes = ports.map((port) =>
    connect(port, caPem).then(
      (socket) => !socket.destroy().connecting,
      () => false,
    ),
  );
  return Promise.all(outcomes);
}

async function metric(name: string): Promise<number> {
  const text = await (await fetch(plane.running.metricsUrl ?? '')).text();
  return Number(new RegExp(`^sidekey_control_plane_${name} (\\S+)$`, 'm').exec(text)?.[1] ?? Number.NaN);
}

test('the certificate files are followed, by both listeners', { timeout: 90_000 }, async () => {
  const second = identity();
  const { validTo } = new X509Certificate(first.cert);
  expect(await metric('certificate_end_timestamp_seconds')).toBe(Date.parse(validTo) / 1_000);
  const standing = await connect(Number(plane.running.grpcAddress.split(':').at(-1)), first.caPem);

  put({ ...second, key: first.key });
  await until('it was told of what does not fit', () => plane.errors.length > 0, LOOKED_MS);
  expect(plane.errors.map(describeError)).toEqual([
    expect.stringMatching(/what it was before stays in use: cannot serve TLS with .*tls\.crt and .*tls\.key/),
  ]);
  expect(await areReached(first)).toEqual([true, true]);
  expect(await metric('files_faulty')).toBe(1);

  put(second);
  await expect.poll(() => areReached(second), { timeout: LOOKED_MS }).toEqual([true, true]);
  expect(await areReached(first)).toEqual([false, false]);
  expect(await metric('files_faulty')).toBe(0);
  expect(plane.errors).toHaveLength(1);
  expect(standing.destroyed).toBe(false);
  standing.destroy();
});
