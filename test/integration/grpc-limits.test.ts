import { connect } from 'node:http2';
import { setTimeout } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { AuthorizeRequest } from '../../proto/gen/sidekey/v1/proxy.ts';
import { QUESTION, useBillingPlane } from '../support/worlds/billing-plane.ts';

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

  it('is a few messages of a session that asks and reads no answers', { timeout: 60_000 }, async () => {
    const proxy = await billing.attested();
    const { caPem, grpcAddress } = billing.plane.running;
    // Its windows never open, so that no answer leaves.
    const settings = { initialWindowSize: 0, enablePush: false };
    const session = connect(`https://${grpcAddress}`, { ca: caPem, maxSessionMemory: 200, settings });
    billing.track({ close: () => session.destroy() });
    session.on('error', () => undefined);
    const { authorization, dpop } = proxy.metadata('authorize').getMap();
    const stream = session.request({
      ':method': 'POST',
      ':path': '/sidekey.v1.ProxyService/Authorize',
      'content-type': 'application/grpc',
      te: 'trailers',
      authorization: String(authorization),
      dpop: String(dpop),
    });
    stream.on('error', () => undefined);
    const http = { ...QUESTION.http, path: `/${'x'.repeat(2_000_000)}` };
    const question = AuthorizeRequest.encode(AuthorizeRequest.fromPartial({ ...QUESTION, http })).finish();
    const message = Buffer.concat([Buffer.alloc(5), question]);
    message.writeUInt32BE(question.length, 1);
    let taken = 0;
    const sendNext = (): void => {
      if (taken < 50)
        stream.write(message, () => {
          taken += 1;
          sendNext();
        });
    };
    sendNext();
    // Until no more was taken for a while.
    for (let before = -1; before !== taken || taken === 0; await setTimeout(2_000)) before = taken;
    // Sixteen answers are written before the stream is full, and their questions forgotten; the others are held.
    expect(taken - 16).toBeLessThan(8);
  });
});
