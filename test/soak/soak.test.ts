import { existsSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { seededRandom } from '../support/random.ts';
import { until } from '../support/until.ts';
import { growthOf, type Sample, slopeOf } from './slope.ts';
import { LongCalls } from './long-calls.ts';
import { operate } from './operator.ts';
import { BEHAVING, behave, misbehave, type Tally, warmUp } from './workers.ts';
import { pause, type Recorded, SoakWorld } from './world.ts';

// `npm run soak` runs it for 10 minutes.
const SECONDS = Number(process.env['SOAK_SECONDS'] ?? 12);
/** Of the control plane: one a minute. */
const RESTARTS = Math.max(1, Math.floor(SECONDS / 60));
const MEGABYTE = 1_048_576;
/** Until caches, pools and compiled code are as large as they get. */
const WARM_UP = Math.min(60, SECONDS / 3);
const MOST_SLOPE = 1 * MEGABYTE;
const MOST_GROWTH = 16 * MEGABYTE;
/** Kept by Node itself, whatever we do. */
const SPARE_DESCRIPTORS = 2;

let world: SoakWorld;
let startedAt = 0;
const seconds = (): number => (performance.now() - startedAt) / 1000;

describe.skipIf(!existsSync('dist/sidekey.js'))('soak (needs dist/: npm run build)', () => {
  beforeAll(async () => {
    world = await SoakWorld.start();
  }, 300_000);
  afterAll(() => world?.close());

  it(`${SECONDS} seconds at load, with faults and ${RESTARTS} kill -9 of the control plane: nothing leaks or is lost`, {
    timeout: (SECONDS + 600) * 1000,
  }, async () => {
    const { proxy } = world;
    const tally: Tally = {
      sent: [],
      answered: new Map(),
      denied: [],
      unanswered: 0,
      endless: [],
      cut: 0,
      faults: 0,
      wrong: [],
    };
    const before = { descriptors: proxy.descriptors(), rss: (await proxy.memory()).rss };
    const { samples, changes } = await load(tally);
    const answered = [...tally.answered.values()].reduce((sum, count) => sum + count, 0);
    const records = await world.records();
    const { recordsLost, reconnects, staleHits } = await proxy.stats();
    const verified = await world.verified();
    const closed = (): boolean => proxy.descriptors() <= before.descriptors + SPARE_DESCRIPTORS;
    await until('connections are closed', closed, 30_000).catch(() => {});
    const settled = await proxy.memory();
    const after = { descriptors: proxy.descriptors(), rss: settled.rss };
    const slope = slopeOf(samples);
    console.log(
      [
        `soak of ${SECONDS} s: ${tally.sent.length} calls sent, ${answered} answered`,
        [...tally.answered].map(([way, count]) => `${way} ${count}`).join(', '),
        `${changes} changes by the operator; of ${tally.endless.length} long calls ${tally.cut} were cut`,
        `records that waited stood on a disk of ${world.spoolBytes ?? 'many'} bytes`,
        `${tally.denied.length} denied, ${tally.unanswered} of them for want of a control plane; ${tally.faults} rounds of faults`,
        `${records.length} records in the log, ${recordsLost} lost; the control plane was killed ${world.killed} times, ` +
          `${staleHits} calls went on by fail mode, ${reconnects} connections to it`,
        `memory in use ${inMegabytes(samples[0]?.bytes)} MB at first, ${inMegabytes(samples.at(-1)?.bytes)} MB at last, slope ${inMegabytes(slope)} MB a minute`,
        `on the way ${tenOf(samples)}; once all is delivered and closed ${inMegabytes(settled.heapUsed + settled.external)} MB`,
        `resident ${inMegabytes(before.rss)} MB, then ${inMegabytes(after.rss)} MB; descriptors ${before.descriptors}, then ${after.descriptors}`,
      ].join('\n'),
    );
    expect(tally.wrong).toEqual([]);
    expect(answered).toBe(tally.sent.length);
    expect([...tally.answered.keys()].sort()).toEqual([...new Set<string>(BEHAVING)].sort());
    expect(tally.cut).toBeGreaterThan(0);
    expect(world.found).toBe(world.killed);
    expect(world.found, 'a busy machine takes longer for each').toBeGreaterThanOrEqual(Math.ceil(RESTARTS / 2));
    // One short outage on a busy machine may see no call that was granted before.
    if (SECONDS >= 60) expect(staleHits).toBeGreaterThan(0);
    expect(recordsLost).toBe(0);
    expectEachOnce(records, '/well/', 'allowed', tally.sent);
    expectEachOnce(records, '/denied/', 'denied', tally.denied);
    expectEachOnce(records, '/endless/', undefined, tally.endless);
    expect(new Set(records.map(({ id }) => id)).size).toBe(records.length);
    expect(verified).toMatchObject({ ok: true, chains: [{ records: records.length }] });
    expect(after.descriptors).toBeLessThanOrEqual(before.descriptors + SPARE_DESCRIPTORS);
    expect(growthOf(samples)).toBeLessThan(MOST_GROWTH);
    // A slope means something only over some time: a busy machine takes minutes until its code is compiled.
    if (SECONDS >= 300) expect(slope).toBeLessThan(MOST_SLOPE);
  });
});

/** Runs the load, with the restarts spread over it, and answers the samples of memory that were taken meanwhile. */
async function load(tally: Tally): Promise<{ samples: Sample[]; changes: number }> {
  const random = seededRandom(20261125);
  const running = (): boolean => seconds() < SECONDS;
  const { proxy, good, bad } = world;
  const outage = (): number => world.killed + world.found;
  const place = { proxy, localPort: proxy.localPort, tally, random, running, outage };
  const [well, badly] = [
    { ...place, upstreams: good },
    { ...place, upstreams: bad },
  ];
  await warmUp(well);
  startedAt = performance.now();
  const cutCalls = new LongCalls(badly);
  const workers = [
    ...BEHAVING.map((way) => behave(well, way)),
    ...Array.from({ length: 3 }, () => misbehave(badly)),
    new LongCalls(well).hold(),
    cutCalls.keepUp(),
  ];
  const isTime = (): boolean => seconds() > ((world.killed + 1) * SECONDS) / (RESTARTS + 1);
  // A change of policy ends all grants; those of rare calls were not asked for again by now.
  const changes = operate(world, badly, cutCalls, { isTime, prepare: () => warmUp(well) });
  const samples: Sample[] = [];
  const pauseMs = Math.max(500, (SECONDS * 1000) / 200);
  while (running()) {
    await pause(pauseMs);
    const { heapUsed, external } = await world.proxy.memory();
    // While the control plane is away its records wait here, which is no leak if they are gone afterwards.
    const isAway = world.killed > world.found;
    if (seconds() > WARM_UP && !isAway) samples.push({ at: seconds(), bytes: heapUsed + external });
  }
  await Promise.all(workers);
  return { samples, changes: await changes };
}

/** Every one of these calls stands in the log, once, with its outcome (undefined: any), and no other. */
function expectEachOnce(
  records: readonly Recorded[],
  start: string,
  outcome: string | undefined,
  calls: readonly string[],
): void {
  const found = records.filter(({ path }) => path.startsWith(start));
  const paths = new Set(found.map(({ path }) => path));
  expect(calls.filter((path) => !paths.has(path))).toEqual([]);
  expect(found.length).toBe(calls.length);
  expect(found.filter((record) => outcome !== undefined && record.outcome !== outcome)).toEqual([]);
}

/** Ten of the samples, evenly spread. */
function tenOf(samples: readonly Sample[]): string {
  const step = Math.max(1, Math.floor(samples.length / 10));
  return samples
    .filter((_, at) => at % step === 0)
    .map(({ bytes }) => inMegabytes(bytes))
    .join(' ');
}

function inMegabytes(bytes = 0): string {
  return (bytes / MEGABYTE).toFixed(2);
}
