import type { Bench, Report, Row, Runner } from '../bench.ts';
import { type Access, listens } from '../forwarder.ts';
import { measure } from '../measure.ts';
import { installRedirections, removeRedirections } from '../redirect.ts';
import { cpuReport } from '../table.ts';
import { http1Spec } from './http1.ts';

/** Each forwarder's load is a user of its own, so that one set of rules sends every load its own way. */
const FIRST_UID = 61_000;
const PACED_PER_SECOND = 200;

const TITLE = 'Transparent mode: redirected connections, HTTP/1.1 over intercepted TLS, answers of 200 bytes';

export const transparentRow: Row = {
  name: 'transparent',
  about: TITLE,
  measure: async (bench) => {
    const ways = new Map<string, Access & { uid: number }>();
    for (const [index, runner] of bench.field.entries()) {
      const access = await accessOf(runner);
      if (access !== undefined) ways.set(runner.name, { ...access, uid: FIRST_UID + index });
    }
    const from = bench.world.upstream['secure'] ?? 0;
    const obstacle = installRedirections([...ways.values()].map(({ uid, port }) => ({ uid, from, to: port })));
    if (obstacle !== undefined) return unmeasured(bench, obstacle);
    try {
      const results = await measure(bench, {
        name: 'transparent',
        pacedPerSecond: PACED_PER_SECOND,
        spec: (forwarder) => {
          const access = forwarder.name === 'direct' ? forwarder.lanes.transparent : ways.get(forwarder.name);
          const spec = http1Spec(forwarder, bench.world.upstream, { https: true, bytes: 200, injected: true });
          return spec === undefined || access === undefined ? undefined : { ...spec, access };
        },
      });
      return cpuReport(TITLE, results, { unit: 'request', latency: true });
    } finally {
      removeRedirections();
    }
  },
};

/** A forwarder that was built before it knew transparent mode does not listen there. */
async function accessOf({ forwarder }: Runner): Promise<Access | undefined> {
  const access = forwarder?.lanes.transparent;
  if (access?.style !== 'redirected') return undefined;
  return (await listens(access.port)) ? access : undefined;
}

function unmeasured(bench: Bench, why: string): Report {
  return { title: TITLE, columns: ['forwarder', ''], lines: bench.field.map(({ name }) => [name, why]) };
}
