import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ProxyProcess, startProxyProcess } from '../support/proxy-process.ts';
import { seededRandom } from '../support/random.ts';
import { until } from '../support/until.ts';
import { type Sample, slopeOf } from './slope.ts';
import { type SoakUpstreams, startSoakUpstreams } from './upstreams.ts';
import { behave, misbehave, type Tally } from './workers.ts';

// `npm run soak` runs it for 10 minutes.
const SECONDS = Number(process.env['SOAK_SECONDS'] ?? 12);
const MEGABYTE = 1_048_576;
/** Until caches, pools and compiled code are as large as they get. */
const WARM_UP = Math.min(60, SECONDS / 3);
const MOST_SLOPE = 1 * MEGABYTE;
const MOST_GROWTH = 16 * MEGABYTE;
/** Kept by Node itself, whatever we do. */
const SPARE_DESCRIPTORS = 2;

/** Short enough that the soak sees them pass. */
const LIMITS = {
  headerTimeoutMs: 2_000,
  agentIdleTimeoutMs: 5_000,
  upstreamIdleTimeoutMs: 2_000,
  bodyIdleTimeoutMs: 20_000,
  responseTimeoutMs: 20_000,
};

let good: SoakUpstreams;
/** Apart, since what breaks an HTTP/2 connection breaks all that is on it. */
let bad: SoakUpstreams;
let proxy: ProxyProcess;
beforeAll(async () => {
  good = await startSoakUpstreams();
  bad = await startSoakUpstreams();
  proxy = await startProxyProcess({
    injects: true,
    limits: LIMITS,
    upstreams: [good, bad].flatMap(({ http1, http2 }) => [
      { host: 'api.test', port: http1.port, caPem: '' },
      { host: 'localhost', port: http2.port, caPem: http2.caPem },
    ]),
  });
});
afterAll(async () => {
  await proxy.close();
  await good.close();
  await bad.close();
});

/** Runs the load and answers the samples of memory that were taken meanwhile. */
async function load(tally: Tally): Promise<Sample[]> {
  const startedAt = performance.now();
  const seconds = (): number => (performance.now() - startedAt) / 1000;
  const place = { proxy, upstreams: good, tally, random: seededRandom(20261125), running: () => seconds() < SECONDS };
  const workers = [
    ...(['http1', 'http1', 'tls1', 'tls1', 'http2', 'http2'] as const).map((version) => behave(place, version)),
    ...Array.from({ length: 3 }, () => misbehave({ ...place, upstreams: bad })),
  ];
  const samples: Sample[] = [];
  const pauseMs = Math.max(500, (SECONDS * 1000) / 200);
  while (place.running()) {
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
    const { heapUsed, external } = await proxy.memory();
    if (seconds() > WARM_UP) samples.push({ at: seconds(), bytes: heapUsed + external });
    if (samples.length % 20 === 10) await proxy.renewRoutes();
  }
  await Promise.all(workers);
  return samples;
}

test(`${SECONDS} seconds at load, with faults: nothing leaks and nothing is lost`, {
  timeout: (SECONDS + 90) * 1000,
}, async () => {
  const tally: Tally = { sent: 0, answered: 0, denied: 0, faults: 0, wrong: [] };
  const before = { descriptors: proxy.descriptors(), rss: (await proxy.memory()).rss };
  const samples = await load(tally);
  const records = await settled(tally);
  await until(
    'connections are closed',
    () => proxy.descriptors() <= before.descriptors + SPARE_DESCRIPTORS,
    30_000,
  ).catch(() => {});
  const after = { descriptors: proxy.descriptors(), rss: (await proxy.memory()).rss };
  const growth = (samples.at(-1)?.bytes ?? 0) - (samples[0]?.bytes ?? 0);
  const slope = slopeOf(samples);
  console.log(
    [
      `soak of ${SECONDS} s: ${tally.sent} calls sent, ${tally.answered} answered, ${records.get('well')} recorded`,
      `${tally.denied} denied, ${records.get('denied')} recorded; ${tally.faults} rounds of faults`,
      `memory in use ${inMegabytes(samples[0]?.bytes)} MB at first, ${inMegabytes(samples.at(-1)?.bytes)} MB at last, slope ${inMegabytes(slope)} MB a minute`,
      `resident ${inMegabytes(before.rss)} MB, then ${inMegabytes(after.rss)} MB; descriptors ${before.descriptors}, then ${after.descriptors}`,
    ].join('\n'),
  );
  expect(tally.wrong).toEqual([]);
  expect(tally.sent).toBeGreaterThan(0);
  expect(tally.answered).toBe(tally.sent);
  expect(records.get('well')).toBe(tally.sent);
  expect(records.get('denied')).toBe(tally.denied);
  expect(after.descriptors).toBeLessThanOrEqual(before.descriptors + SPARE_DESCRIPTORS);
  expect(growth).toBeLessThan(MOST_GROWTH);
  // A slope means something only over some time.
  if (SECONDS >= 120) expect(slope).toBeLessThan(MOST_SLOPE);
});

/** The records, once the last ones are in. */
async function settled(tally: Tally): Promise<ReadonlyMap<string, number>> {
  for (let turn = 0; turn < 50; turn += 1) {
    const records = await proxy.records();
    if ((records.get('well') ?? 0) >= tally.sent && (records.get('denied') ?? 0) >= tally.denied) return records;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return proxy.records();
}

function inMegabytes(bytes = 0): string {
  return (bytes / MEGABYTE).toFixed(2);
}
