import { EventEmitter } from 'node:events';
import { Metadata } from '@grpc/grpc-js';
import { expect, it } from 'vitest';
import {
  type LiveSession,
  SessionGate,
  type SessionGateOptions,
} from '../../../../../control-plane/api/grpc/session-gate.ts';
import { type WatchCall, type WatchOptions, WatchStream } from '../../../../../control-plane/api/grpc/watch.ts';
import { type CompiledPolicySet, compilePolicySet } from '../../../../../control-plane/policy/compile.ts';
import type { PolicyChange } from '../../../../../control-plane/policy/policy-source.ts';
import { RevocationSet } from '../../../../../control-plane/policy/revocations.ts';
import { VERSION } from '../../../../../common/version.ts';
import { WatchEvent } from '../../../../../proto/gen/sidekey/v1/proxy.ts';
import { IDLE_METER } from '../../../../fakes/proxy-meter.ts';
import { policySet } from '../../../../support/worlds/policy-set.ts';
import { createSigningKey } from '../../../../../common/signing-key.ts';

const PROXIES = 12;
const names = (count: number, of: string) => Array.from({ length: count }, (_, n) => `${of}${n}`);
const byName = (all: readonly string[], spec: (name: string) => unknown) =>
  Object.fromEntries(all.map((name) => [name, spec(name)]));
const ALL_PODS = { selectors: { all: [{ claim: 'kubernetes.namespace', glob: 'a*' }] } };

/** What takes a proxy's whole turn. */
const DEAR_TO_MATCH = compilePolicySet(
  policySet({
    ClientWorkload: byName(names(20, 'dear'), (name) => ({
      selectors: { all: [{ claim: 'kubernetes.namespace', glob: `*${'a'.repeat(200)}${name}` }] },
    })),
  }),
);
const MANY_ROUTES = compilePolicySet(
  policySet({
    ClientWorkload: { all: ALL_PODS },
    ServerWorkload: byName(names(3, 's'), (name) => ({
      hosts: names(200, 'h').map((host) => `${host}.${name}.example.com`),
    })),
    AccessPolicy: byName(names(3, 's'), (name) => ({ clientWorkload: '*', serverWorkload: name })),
  }),
);
const CHEAP = compilePolicySet(policySet({ ClientWorkload: { all: ALL_PODS } }));

function sessionOf(id: string): LiveSession {
  return {
    ticket: { tenant: 'acme', id, notAfter: Date.now() + 60_000 },
    record: {
      workloads: ['all'],
      trust: [],
      trustDigests: {},
      claims: { kubernetes: { namespace: 'a'.repeat(2_000) } },
      userClaims: {},
      eventKeyId: 'k',
      authorityKey: '',
    },
  } as unknown as LiveSession;
}

/** Watches of as many proxies; `matched` and `routed` say for how many of them that was done. */
async function openWatches() {
  const listeners: ((change: PolicyChange) => void)[] = [];
  const done = { matched: 0, routed: 0, told: 0 };
  const gate = new SessionGate({ nowMs: () => Date.now() } as unknown as SessionGateOptions);
  const { facts } = gate;
  gate.facts = function counted(...question) {
    done.matched += 1;
    return facts.apply(this, question);
  };
  const privateKey = createSigningKey();
  const options = {
    gate,
    policies: {
      watch: (_tenant: string, heard: (change: PolicyChange) => void) => {
        listeners.push(heard);
        return () => undefined;
      },
      get: async () => ({ policy: CHEAP, revocations: new RevocationSet([]) }),
    },
    placeholders: { for: async () => () => '' },
    authorities: {
      issue: async () => {
        done.routed += 1;
        return undefined;
      },
    },
    eventKeys: { find: () => ({ id: 'k', privateKey }) },
    clock: { now: () => Date.now() },
    heartbeatMs: 60_000,
    meter: IDLE_METER,
    onError: (error: unknown) => {
      throw error;
    },
  } as unknown as WatchOptions;
  const calls = names(PROXIES, 'proxy').map((id) =>
    Object.assign(new EventEmitter(), {
      id,
      write({ event }: { event: Buffer }, taken: () => void) {
        if (WatchEvent.decode(event).kind?.$case === 'snapshot') done.told += 1;
        taken();
      },
    }),
  );
  for (const call of calls) {
    gate.enter = async () => sessionOf(call.id);
    await WatchStream.open(options, call as unknown as WatchCall);
  }
  await expect.poll(() => done.told).toBe(PROXIES);
  Object.assign(done, { matched: 0, routed: 0, told: 0 });
  const change = (policy: CompiledPolicySet): void => {
    const current = { policy, revocations: new RevocationSet([]) };
    for (const heard of listeners) heard({ tenant: 'acme', current, policyChanged: true, revoked: [], lifted: [] });
  };
  const close = (): void => calls.forEach((call) => void call.emit('close'));
  return { change, close, done };
}

it.each([
  ['matching workloads', DEAR_TO_MATCH, 'matched'],
  ['making routes', MANY_ROUTES, 'routed'],
] as const)('lets everything else in between %s for the watches of a tenant', async (_, policy, work) => {
  const { change, close, done } = await openWatches();
  change(policy);
  await new Promise(setImmediate);
  expect(done[work]).toBeGreaterThan(0);
  expect(done[work]).toBeLessThan(PROXIES / 2);
  await expect.poll(() => done.told, { timeout: 30_000 }).toBe(PROXIES);
  close();
});

it('lets everything else in between matching workloads for calls that waited for one reading of the policy', async () => {
  let read: () => void = () => undefined;
  const reading = new Promise<void>((resolve) => (read = resolve));
  const gate = new SessionGate({
    sessions: { authenticate: async () => sessionOf('s').ticket },
    records: { find: async () => ({ ...sessionOf('s').record, proxyVersion: VERSION }) },
    policies: { get: () => reading.then(() => ({ policy: DEAR_TO_MATCH, revocations: new RevocationSet([]) })) },
    nowMs: () => Date.now(),
  } as unknown as SessionGateOptions);
  let entered = 0;
  const calls = names(PROXIES, 'call').map(() => gate.enter(new Metadata(), '/path').then(() => (entered += 1)));
  await new Promise(setImmediate);
  read();
  await new Promise(setImmediate);
  expect(entered).toBeLessThan(PROXIES / 2);
  await Promise.all(calls);
});
