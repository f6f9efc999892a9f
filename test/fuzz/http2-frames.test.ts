import { describe, expect, it } from 'vitest';
import { HeaderList } from '../../proxy/protocols/header-list.ts';
import { PREFACE } from '../../proxy/protocols/http2/frames.ts';
import { Http2Connection } from '../../proxy/sessions/http2/connection.ts';
import type { Http2Limits } from '../../proxy/sessions/http2/limits.ts';
import { cutFrames } from '../support/protocols/http2-frames.ts';
import { drive, hear, type React, startClient } from '../support/protocols/http2-play.ts';
import { randomConversation, randomPieces } from '../support/protocols/http2-random.ts';
import { type Random, seededRandom } from '../support/random.ts';
import { FUZZ_SECONDS, FUZZ_SEED } from '../support/time-box.ts';

/** Whatever arrives: nothing but Http2Error is thrown, nothing depends on the cuts, and no limit is passed. */

const OPTIONS: Partial<Http2Limits> = {
  maxConcurrentStreams: 5,
  maxHeaderListBytes: 1_000,
  maxHeaderCount: 20,
  maxHeaderBlockBytes: 1_000,
  controlFrameAllowance: 40,
  resetAllowance: 10,
  maxUntakenReplyBytes: 2_000,
};

/** Says a body back once it is whole: what its pieces are depends on the cuts, and each frame that we send earns the peer an allowance. */
function answering(): React {
  const bodies = new Map<number, Buffer[]>();
  return (event, connection) => {
    if (event.type === 'request-head') {
      connection.sendHead(event.stream, { status: 200, headers: new HeaderList() }, false);
      bodies.set(event.stream, []);
    }
    if (event.type === 'body') bodies.get(event.stream)?.push(Buffer.from(event.bytes));
    if (event.type === 'end') {
      connection.sendData(event.stream, Buffer.concat(bodies.get(event.stream) ?? []));
      if (event.stream % 4 === 1) connection.sendEnd(event.stream, HeaderList.from([['x-t', String(event.stream)]]));
    }
  };
}

function fuzz(run: (random: Random, what: string) => boolean): void {
  const until = Date.now() + (FUZZ_SECONDS * 1_000) / 2;
  let useful = 0;
  for (let seed = FUZZ_SEED; Date.now() < until; seed += 1)
    if (run(seededRandom(seed), `FUZZ_SEED=${seed}`)) useful += 1;
  expect(useful, 'the generator makes conversations that get somewhere').toBeGreaterThan(0);
}

function checkBounds(connection: Http2Connection, bytes: Buffer, what: string): void {
  expect(connection.openStreams, what).toBeLessThanOrEqual(5);
  expect(connection.bufferedBytes, what).toBeLessThan(30_000 + bytes.length);
}

describe('HTTP/2 frames', () => {
  it('of any kind leave a server whole', { timeout: FUZZ_SECONDS * 1_000 + 30_000 }, () =>
    fuzz((random, what) => {
      const bytes = randomConversation(random, 40);
      const server = new Http2Connection('server', OPTIONS);
      const whole = hear(server, [bytes], answering());
      checkBounds(server, bytes, what);
      expect(() => cutFrames(Buffer.concat(server.takeOutput())), what).not.toThrow();
      expect(whole.events.length, what).toBeLessThan(bytes.length);
      const cut = hear(new Http2Connection('server', OPTIONS), randomPieces(random, bytes), answering());
      expect(cut, what).toEqual(whole);
      return whole.events.some((event) => event.startsWith('end'));
    }),
  );

  it('of any kind leave a client whole', { timeout: FUZZ_SECONDS * 1_000 + 30_000 }, () =>
    fuzz((random, what) => {
      const bytes = randomConversation(random, 40, 'server').subarray(PREFACE.length);
      const methods = ['GET', 'POST', 'HEAD', 'CONNECT'];
      const client = startClient(methods, OPTIONS);
      const whole = drive(client, [bytes]);
      checkBounds(client, bytes, what);
      const cut = drive(startClient(methods, OPTIONS), randomPieces(random, bytes));
      expect(cut, what).toEqual(whole);
      return whole.events.some((event) => event.startsWith('response'));
    }),
  );
});
