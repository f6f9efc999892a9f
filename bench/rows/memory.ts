import { setTimeout as sleep } from 'node:timers/promises';
import { bareNode } from '../baselines/bare-node.ts';
import type { Bench, Row, Runner } from '../bench.ts';
import { nodesOf } from '../field.ts';
import { type Contender, type Forwarder, freePort, startProgram } from '../forwarder.ts';
import { askLoad, openLoad } from '../measure.ts';
import { readUsage } from '../process-usage.ts';
import { http1Spec } from './http1.ts';

const CONNECTIONS = 1000;
/** Below what a proxy may allow itself towards one upstream. */
const IN_FLIGHT = 100;
const SETTLE_MS = 500;
/** When the collector last ran differs from start to start: idle is the least of these. */
const IDLE_STARTS = 3;

const TITLE = `Memory (resident, MB) with ${CONNECTIONS} open intercepted HTTP/1.1 connections, in a fresh process`;

export const memoryRow: Row = {
  name: 'memory',
  about: TITLE,
  measure: async (bench) => {
    const lines: string[][] = [];
    for (const { path, suffix } of nodesOf(bench.options)) {
      const port = await freePort();
      const bare = await startProgram(path, bareNode(port), port);
      lines.push([`a bare Node server${suffix}`, megabytes(await settledBytes(bare)), '-', '-', '-']);
      await bare.stop();
    }
    for (const runner of bench.field) {
      lines.push(await measureOne(bench, runner));
      process.stderr.write('.');
    }
    process.stderr.write('\n');
    return {
      title: TITLE,
      columns: ['forwarder', 'idle', 'connections open', 'KB/connection', 'after load on all'],
      lines: lines.filter((line) => line.length > 0),
    };
  },
};

async function measureOne(bench: Bench, { contender, missing }: Runner): Promise<string[]> {
  const { name } = contender;
  if (missing !== undefined) return [name, missing];
  let idle = Number.POSITIVE_INFINITY;
  for (let start = 1; start < IDLE_STARTS; start += 1) idle = Math.min(idle, await idleBytes(bench, contender));
  const forwarder = await bench.fresh(contender);
  try {
    const what = { https: true, bytes: 200, injected: true, connections: CONNECTIONS };
    const spec = http1Spec(forwarder, bench.world.upstream, what);
    if (forwarder.pid === undefined) return [];
    if (spec === undefined) return [name, 'not supported'];
    idle = Math.min(idle, await settledBytes(forwarder));
    const refused = await openLoad(bench, forwarder, { ...spec, inFlight: IN_FLIGHT });
    if (refused !== undefined) throw new Error(`${name}, memory: ${refused}`);
    const open = await settledBytes(forwarder);
    await askLoad(bench, forwarder, 'memory', { ms: bench.options.sliceMs });
    const after = await settledBytes(forwarder);
    return [name, megabytes(idle), megabytes(open), ((open - idle) / CONNECTIONS / 1024).toFixed(0), megabytes(after)];
  } catch (error) {
    // That a baseline does not hold so many says something about it, not about this bench.
    if (!forwarder.leaks) throw error;
    console.error(error);
    return [name, 'failed to hold so many connections'];
  } finally {
    await bench.load.ask('close');
    await forwarder.stop();
  }
}

async function idleBytes(bench: Bench, contender: Contender): Promise<number> {
  const forwarder = await bench.fresh(contender);
  const bytes = await settledBytes(forwarder);
  await forwarder.stop();
  return bytes;
}

async function settledBytes({ pid }: Pick<Forwarder, 'pid'>): Promise<number> {
  await sleep(SETTLE_MS);
  return pid === undefined ? 0 : readUsage(pid).rssBytes;
}

function megabytes(bytes: number): string {
  return (bytes / 1_048_576).toFixed(0);
}
