import { type ClientHttp2Stream, connect } from 'node:http2';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, expect, it } from 'vitest';
import { WatchRequest } from '../../proto/gen/sidekey/v1/proxy.ts';
import { billingResources, resource, TestCluster, TestControlPlane } from '../support/control-plane/control-plane.ts';
import { longServers } from '../support/control-plane/long-policy.ts';
import { RawProxy } from '../support/agents/raw-proxy.ts';

const CHANGES = 8;
const SERVERS = 30;
const SNAPSHOT_BYTES = SERVERS * 64_500;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

function heldBytes(): number {
  collectGarbage();
  return process.memoryUsage().arrayBuffers;
}

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (let close = closers.pop(); close; close = closers.pop()) await close();
});

const applyTo = async (plane: TestControlPlane, ...resources: unknown[]): Promise<void> =>
  expect((await plane.rest('POST', '/v1/apply', { resources })).status).toBe(200);

/** A watch that answers pings, and reads nothing of its long snapshot. */
async function watchUnread(heartbeatMs: number): Promise<{ plane: TestControlPlane; stream: ClientHttp2Stream }> {
  const cluster = new TestCluster();
  const plane = await TestControlPlane.start({ heartbeatMs });
  closers.push(() => plane.close());
  await applyTo(plane, ...billingResources(cluster), ...longServers(0, SERVERS, 'billing'));
  const { caPem, grpcAddress } = plane.running;
  const proxy = new RawProxy(grpcAddress, caPem);
  closers.push(() => proxy.close());
  await proxy.attest(await cluster.token('prod', 'billing'));
  const session = connect(`https://${grpcAddress}`, {
    ca: caPem,
    settings: { initialWindowSize: 0, enablePush: false },
  });
  closers.push(() => session.destroy());
  const { authorization, dpop } = proxy.metadata('watch').getMap();
  const stream = session.request({
    ':method': 'POST',
    ':path': '/sidekey.v1.ProxyService/Watch',
    'content-type': 'application/grpc',
    te: 'trailers',
    authorization: String(authorization),
    dpop: String(dpop),
  });
  stream.on('error', () => undefined);
  const request = WatchRequest.encode({ knownVersion: 0 }).finish();
  const message = Buffer.concat([Buffer.alloc(5), request]);
  message.writeUInt32BE(request.length, 1);
  stream.end(message);
  await new Promise((resolve) => stream.once('response', resolve));
  return { plane, stream };
}

it('a watch that reads nothing has one snapshot held, however often policy changes', { timeout: 180_000 }, async () => {
  const { plane } = await watchUnread(60_000);
  const before = heldBytes();
  for (let n = 0; n < CHANGES; n += 1) {
    await applyTo(plane, resource('ServerWorkload', 'changed', { hosts: [`changed${n}.example.com`] }));
  }
  // What a change takes while it is made goes soon; what is held for the reader stays.
  await expect.poll(() => heldBytes() - before, { timeout: 10_000 }).toBeLessThan(2 * SNAPSHOT_BYTES);
});

it('a watch that reads nothing for some heartbeats is reset', { timeout: 180_000 }, async () => {
  const { stream } = await watchUnread(200);
  await new Promise((resolve) => stream.once('close', resolve));
  // ENHANCE_YOUR_CALM
  expect(stream.rstCode).toBe(11);
});
