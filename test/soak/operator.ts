import type { LongCalls } from './long-calls.ts';
import { soakPolicy } from './policy.ts';
import { expect, type SoakPlace } from './workers.ts';
import { pause, type SoakWorld } from './world.ts';

interface Change {
  readonly name: string;
  /** Ends the calls to the upstreams that are bad. */
  readonly cuts: boolean;
  make(world: SoakWorld): Promise<void>;
  undo(world: SoakWorld): Promise<void>;
}

const POLICIES = ['plain-bad', 'secured-bad'] as const;
const setRight = (world: SoakWorld): Promise<void> => world.apply(soakPolicy('bad', world.bad));

const revocation = (target: string, names: readonly string[]): Change => ({
  name: `revoke ${target}`,
  cuts: true,
  make: async (world) => {
    for (const name of names) await world.tell('POST', '/v1/revocations', { target, name });
  },
  undo: async (world) => {
    for (const name of names) await world.tell('DELETE', '/v1/revocations', { target, name });
  },
});

/** What an operator does in the middle of it all. Those who call the good upstreams are to notice nothing. */
const CHANGES: readonly Change[] = [
  revocation('policy', POLICIES),
  revocation('credential', ['key-bad']),
  {
    name: 'a policy that allows less',
    cuts: true,
    make: (world) => world.apply(soakPolicy('bad', world.bad, ['PUT'])),
    undo: setRight,
  },
  {
    name: 'a policy taken away',
    cuts: true,
    make: async (world) => {
      for (const name of POLICIES) await world.tell('DELETE', `/v1/resources/AccessPolicy/${name}`);
    },
    undo: setRight,
  },
  {
    name: 'a policy that allows more',
    cuts: false,
    make: (world) => world.apply(soakPolicy('bad', world.bad, ['GET', 'POST', 'PUT'])),
    undo: setRight,
  },
];
/** Between two changes. */
const QUIET_MS = 2_000;
const CUT_WITHIN_MS = 10_000;

/** Makes one change after another, and kills the control plane when it is time, one thing at a time. Counts the changes. */
export async function operate(
  world: SoakWorld,
  place: SoakPlace,
  calls: LongCalls,
  kill: { readonly isTime: () => boolean; readonly prepare: () => Promise<void> },
): Promise<number> {
  let made = 0;
  for (; place.running(); made += 1) {
    const change = CHANGES[made % CHANGES.length];
    if (change === undefined) break;
    if (kill.isTime()) {
      await kill.prepare();
      await world.restartControlPlane();
    }
    const before = [...calls.open];
    await change.make(world);
    if (change.cuts) await cut(place, calls, before, change.name);
    await change.undo(world);
    await pause(QUIET_MS);
  }
  return made;
}

async function cut(place: SoakPlace, calls: LongCalls, before: readonly string[], name: string): Promise<void> {
  const left = (): string[] => before.filter((path) => calls.open.has(path));
  const end = performance.now() + CUT_WITHIN_MS;
  while (left().length > 0 && performance.now() < end && place.running()) await pause(20);
  expect(place.tally, left().length === 0 || !place.running(), `${name}: ${left().join(', ')} went on`);
}
