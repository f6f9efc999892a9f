import { expect, test } from 'vitest';
import type { Http2Role } from '../../proxy/sessions/http2/events.ts';
import type { Http2Limits } from '../../proxy/sessions/http2/limits.ts';
import { Http2Pair } from '../support/protocols/http2-pair.ts';
import { type Random, seededRandom } from '../support/random.ts';
import { FUZZ_SECONDS, FUZZ_SEED } from '../support/time-box.ts';

/**
 * Our client and our server speak to each other, whatever the windows, the cuts and the resets: neither finds fault with the other,
 * every stream that nobody resets comes over whole, and nothing stays behind.
 */
const ROLES: readonly Http2Role[] = ['client', 'server'];

function randomOptions(random: Random): Partial<Http2Limits> {
  return {
    streamWindowBytes: random.pick([1, 100, 16_384, 65_535, 70_000, 1_048_576]),
    maxStreamWindowBytes: random.pick([1, 70_000, 1_048_576]),
    maxFrameBytes: random.pick([16_384, 20_000, 100_000]),
    maxConcurrentStreams: random.pick([1, 5, 100]),
    decoderTableBytes: random.pick([0, 100, 4_096, 20_000]),
    encoderTableBytes: random.pick([0, 100, 4_096, 20_000]),
    controlFrameAllowance: 1e9,
    resetAllowance: 1e9,
    maxUntakenReplyBytes: 1e9,
  };
}

function act(random: Random, pair: Http2Pair): void {
  const role = random.pick(ROLES);
  const talk = random.pick([...pair.talks.values()].slice(-6));
  switch (random.below(talk === undefined ? 3 : 12)) {
    case 0:
      return pair.open();
    case 1:
    case 2:
    case 3:
      return void pair.carry(role);
    case 4:
    case 5:
      return pair.consume(talk, role);
    case 6:
      return random.below(4) === 0 ? pair.reset(talk, role) : undefined;
    case 7:
      return pair.ends[role].tick();
    default:
      return pair.say(talk, role);
  }
}

/** Goes on until nothing moves, everything is consumed and each side has said all. */
function finish(pair: Http2Pair): void {
  let isMoving = true;
  while (isMoving) {
    isMoving = false;
    for (const role of ROLES) isMoving = pair.carry(role, true) || isMoving;
    for (const talk of pair.talks.values()) {
      for (const role of ROLES) {
        pair.consume(talk, role, true);
        pair.say(talk, role, true);
      }
    }
    for (const role of ROLES) isMoving = pair.carry(role, true) || isMoving;
  }
}

test('two ends of a connection understand each other', { timeout: FUZZ_SECONDS * 1_000 + 60_000 }, () => {
  const until = Date.now() + FUZZ_SECONDS * 1_000;
  const counts = { connections: 0, whole: 0, reset: 0 };
  for (let seed = FUZZ_SEED; Date.now() < until; seed += 1) {
    const what = `FUZZ_SEED=${seed}`;
    const random = seededRandom(seed);
    const pair = new Http2Pair(random, { client: randomOptions(random), server: randomOptions(random) });
    for (let phases = 1 + random.below(4); phases > 0; phases -= 1) {
      for (let turns = random.below(200); turns > 0; turns -= 1) act(random, pair);
      finish(pair);
    }
    expect(pair.faults, what).toEqual([]);
    for (const { id, isReset, client, server } of pair.talks.values()) {
      counts[isReset ? 'reset' : 'whole'] += 1;
      for (const way of [client, server]) {
        if (isReset) expect(way.said.startsWith(way.heard), `${what} stream ${id}`).toBe(true);
        else {
          expect(way.heard === way.said, `${what} stream ${id}: ${way.heard.length} of ${way.said.length}`).toBe(true);
          expect(way.heardTrailers, `${what} stream ${id}`).toBe(way.trailers);
        }
      }
    }
    for (const role of ROLES) {
      expect(pair.ends[role].openStreams, `${what} ${role}`).toBe(0);
      expect(pair.ends[role].bufferedBytes, `${what} ${role}`).toBe(0);
    }
    expect(pair.spare.used, what).toBe(0);
    counts.connections += 1;
  }
  console.log(JSON.stringify(counts));
  if (counts.connections > 50) expect(Math.min(...Object.values(counts)), 'it gets everywhere').toBeGreaterThan(0);
});
