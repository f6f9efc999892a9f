import { expect, vi } from 'vitest';
import { bearer, grant, type ProxyWorld, readMetric, SECRET } from './proxy-world.ts';
import { FUZZ_SECONDS, FUZZ_SEED } from '../time-box.ts';
import { until } from '../until.ts';

/**
 * Calls of many workers at once, each of which may be cut anywhere: each that is asked about has one record, none lives on, no agent's
 * connection stays, and none failed within the proxy. The world must have an admin address. Gives how many were asked about.
 */
export async function playCutCalls(
  world: ProxyWorld,
  workers: number,
  one: () => Promise<void>,
  seconds = FUZZ_SECONDS,
): Promise<number> {
  const asked = new Set<string>();
  world.client.decide = (question) => {
    asked.add(question.path);
    return grant(question, bearer(SECRET));
  };
  const end = Date.now() + seconds * 1000;
  const work = async (): Promise<void> => {
    while (Date.now() < end) await one();
  };
  await Promise.all(Array.from({ length: workers }, work));
  const recorded = (): string[] => world.client.records.map(({ path }) => path).filter((path) => asked.has(path));
  await until('each call is recorded', () => recorded().length >= asked.size, 60_000);
  expect(new Set(recorded()).size, `seed ${FUZZ_SEED}: each once`).toBe(recorded().length);
  // Of what policy was not asked about, such as a blind tunnel, no record was waited for.
  for (const name of ['sidekey_live_calls', 'sidekey_agent_connections'])
    await vi.waitFor(async () => expect(await readMetric(world, name), name).toBe(0), 30_000);
  expect(callFaults(world).slice(0, 3)).toEqual([]);
  return asked.size;
}

/** What was logged of bugs of ours. */
export function callFaults(world: ProxyWorld): string[] {
  const lines = world.logged().split('\n');
  return lines.filter((line) => line.includes('a call failed within the proxy'));
}
