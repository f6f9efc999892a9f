import { connect } from 'node:http2';
import { describe, expect, it } from 'vitest';
import { useBillingPlane } from '../support/billing-plane.ts';

const MAX_MESSAGE_BYTES = 2 * 1024 * 1024;
const ATTEST = '/sidekey.v1.ProxyService/Attest';

describe('what the control plane holds of whoever connects', () => {
  const billing = useBillingPlane();

  it('is a few streams of a connection, and of each no long message', async () => {
    const { caPem, grpcAddress } = billing.plane.running;
    const session = connect(`https://${grpcAddress}`, { ca: caPem });
    billing.track({ close: () => session.destroy() });
    await new Promise((resolve) => session.once('remoteSettings', resolve));
    expect(session.remoteSettings.maxConcurrentStreams).toBeLessThanOrEqual(64);
    const stream = session.request({
      ':method': 'POST',
      ':path': ATTEST,
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    const status = new Promise<unknown>((resolve) => {
      stream.on('response', (headers) => headers['grpc-status'] !== undefined && resolve(headers['grpc-status']));
      stream.on('trailers', (trailers) => resolve(trailers['grpc-status']));
    });
    stream.on('error', () => undefined);
    stream.resume();
    // A message of which the length alone has come: gRPC's frame is a flag and four bytes of length.
    const head = Buffer.alloc(5);
    head.writeUInt32BE(MAX_MESSAGE_BYTES + 1, 1);
    stream.write(head);
    // RESOURCE_EXHAUSTED
    expect(Number(await status)).toBe(8);
  });
});
