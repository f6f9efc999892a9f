import { EventEmitter } from 'node:events';
import { sign } from 'node:crypto';
import { promisify } from 'node:util';
import { type ServiceError, status } from '@grpc/grpc-js';
import { expect, it } from 'vitest';
import { Refusal } from '../../../../../control-plane/api/grpc/refusal.ts';
import { SessionGate, type SessionGateOptions } from '../../../../../control-plane/api/grpc/session-gate.ts';
import { type WatchCall, type WatchOptions, WatchStream } from '../../../../../control-plane/api/grpc/watch.ts';
import { compilePolicySet } from '../../../../../control-plane/policy/compile.ts';
import type { ActiveRevocation } from '../../../../../control-plane/policy/facts.ts';
import type { PolicyChange } from '../../../../../control-plane/policy/policy-source.ts';
import { RevocationSet } from '../../../../../control-plane/policy/revocations.ts';
import { StoreUnavailable } from '../../../../../control-plane/store/sql-store.ts';
import { WatchEvent } from '../../../../../proto/gen/sidekey/v1/proxy.ts';
import { policySet } from '../../../../support/worlds/policy-set.ts';
import { IDLE_METER } from '../../../../fakes/proxy-meter.ts';
import { createSigningKey } from '../../../../../common/signing-key.ts';

const SELECTORS = { all: [{ claim: 'kubernetes.namespace', equals: 'prod' }] };
const set = compilePolicySet(policySet({ ClientWorkload: { billing: { selectors: SELECTORS } } }));
const SESSION = {
  ticket: { tenant: 'acme', id: 's', notAfter: Date.now() + 60_000 },
  record: {
    workloads: ['billing'],
    trust: [],
    trustDigests: {},
    claims: { kubernetes: { namespace: 'prod' } },
    userClaims: {},
    eventKeyId: 'k',
  },
};

/** A watch on fakes; `change` announces one. */
async function openWatch(active: ActiveRevocation[] = [], changes: Partial<WatchOptions> = {}) {
  const call = Object.assign(new EventEmitter(), {
    kinds: [] as (string | undefined)[],
    /** Names of what snapshots and events say to be revoked. */
    revoked: [] as string[],
    versions: [] as number[],
    /** While it is false, nothing that was written is taken. */
    reads: true,
    take: () => undefined as void,
    write({ event }: { event: Buffer }, taken: () => void) {
      const { kind } = WatchEvent.decode(event);
      this.take = taken;
      if (this.reads) taken();
      this.kinds.push(kind?.$case);
      if (kind?.$case === 'snapshot') {
        this.revoked.push(...kind.value.revocations.map(({ name }) => name));
        this.versions.push(kind.value.policyVersion);
      }
      if (kind?.$case === 'revocation') this.revoked.push(`${kind.value.lifted ? '-' : ''}${kind.value.name}`);
    },
  });
  let listener: (change: PolicyChange) => void = () => undefined;
  let workloadReads = 0;
  const policies = {
    watch: (_tenant: string, heard: typeof listener) => {
      listener = heard;
      return () => undefined;
    },
    get: async () => ({ policy: set, revocations: new RevocationSet(active) }),
  };
  const gate = new SessionGate({ nowMs: () => Date.now() } as unknown as SessionGateOptions);
  const { facts } = gate;
  gate.facts = function counted(...question) {
    workloadReads += 1;
    return facts.apply(this, question);
  };
  gate.enter = async () => SESSION as unknown as Awaited<ReturnType<SessionGate['enter']>>;
  const privateKey = createSigningKey();
  const options = {
    gate,
    policies,
    placeholders: { for: async () => () => '' },
    eventKeys: { find: () => ({ id: 'k', privateKey }) },
    clock: { now: () => Date.now() },
    heartbeatMs: 60_000,
    meter: IDLE_METER,
    onError: (error: unknown) => {
      throw error;
    },
    ...changes,
  } as unknown as WatchOptions;
  const watch = await WatchStream.open(options, call as unknown as WatchCall);
  await expect.poll(() => call.kinds.slice(0, 2)).toEqual(['snapshot', 'heartbeat']);
  workloadReads = 0;
  const change = (changes: Partial<PolicyChange>, active: ActiveRevocation[]): void =>
    listener({
      tenant: 'acme',
      current: { policy: set, revocations: new RevocationSet(active) },
      policyChanged: false,
      revoked: [],
      lifted: [],
      ...changes,
    });
  return { watch, call, change, policies, workloadReads: () => workloadReads };
}

it('matches the workloads of its session once for all of a change', async () => {
  const { watch, call, change, workloadReads } = await openWatch();
  const one = { id: 'r1', target: 'policy', name: 'read', atMs: 1 } as const;
  const other = { id: 'r2', target: 'credential', name: 'key', atMs: 2 } as const;
  change({ revoked: [one, other], policyChanged: true }, [one, other]);
  await expect.poll(() => call.kinds.slice(2)).toEqual(['revocation', 'revocation', 'snapshot']);
  expect(workloadReads()).toBe(1);
  call.emit('close');
  watch.end(new Error('closed'));
});

it('tells a session of what ends it before it ends', async () => {
  const { call, change } = await openWatch();
  const ended = new Promise<Error>((resolve) => call.once('error', resolve));
  const revocation = { id: 'r', target: 'workload', name: 'billing', atMs: 1 } as const;
  change({ revoked: [revocation] }, [revocation]);
  expect((await ended).message).toMatch(/revoked/);
  expect(call.kinds.slice(2)).toEqual(['revocation']);
});

it.each([
  ['before', [], ['s']],
  ['by the same change', [{ id: 'r', target: 'workload', name: 'suspect', atMs: 1 } as const], ['suspect', 's']],
])('cuts all of a session that has come to be a workload that was revoked %s', async (_, revoked, told) => {
  const { call, change } = await openWatch();
  const ended = new Promise<Error>((resolve) => call.once('error', resolve));
  const policy = compilePolicySet(policySet({ ClientWorkload: { suspect: { selectors: SELECTORS } } }));
  const revocations = new RevocationSet([{ id: 'r', target: 'workload', name: 'suspect', atMs: 1 }]);
  change({ current: { policy, revocations }, policyChanged: true, revoked }, []);
  expect((await ended).message).toMatch(/revoked/);
  expect(call.revoked).toEqual(told);
});

it('tells a session of no revocation that concerns others alone', async () => {
  const ofOther = { id: 'r1', target: 'workload', name: 'other', atMs: 1 } as const;
  const ofPolicy = { id: 'r2', target: 'policy', name: 'read', atMs: 2 } as const;
  const { watch, call, change } = await openWatch([ofOther, ofPolicy]);
  expect(call.revoked).toEqual(['read']);
  change({ revoked: [{ ...ofOther, name: 'third' }], lifted: [ofPolicy] }, [ofOther]);
  await expect.poll(() => call.kinds.slice(2)).toEqual(['revocation']);
  expect(call.revoked).toEqual(['read', '-read']);
  call.emit('close');
  watch.end(new Error('closed'));
});

it('tells a proxy that read nothing meanwhile the newest policy alone, and each revocation in its order', async () => {
  const { watch, call, change } = await openWatch();
  const one = { id: 'r1', target: 'policy', name: 'one', atMs: 1 } as const;
  const other = { id: 'r2', target: 'policy', name: 'other', atMs: 2 } as const;
  const version = (number: number) => ({
    policyChanged: true,
    current: { policy: { ...set, source: { ...set.source, version: number } }, revocations: new RevocationSet([]) },
  });
  call.reads = false;
  change(version(2), []);
  await expect.poll(() => call.versions).toEqual([1, 2]);
  for (let number = 3; number < 500; number += 1) change(version(number), []);
  change({ ...version(500), revoked: [one, other] }, []);
  change({ ...version(501), lifted: [one] }, []);
  await signedMeanwhile();
  expect(call.versions).toEqual([1, 2]);
  call.reads = true;
  call.take();
  await expect.poll(() => call.versions).toEqual([1, 2, 501]);
  expect(call.revoked).toEqual(['one', 'other', '-one']);
  call.emit('close');
  watch.end(new Error('closed'));
});

it('ends a watch for which more revocations wait than a proxy holds', async () => {
  const { call, change } = await openWatch();
  const ended = new Promise<Error>((resolve) => call.once('error', resolve));
  call.reads = false;
  const revoked = Array.from(
    { length: 101 },
    (_, n) => ({ id: `r${n}`, target: 'policy', name: `p${n}`, atMs: 1 }) as const,
  );
  for (let count = 0; count < 100; count += 1) change({ revoked }, []);
  expect((await ended).message).toMatch(/too slowly/);
});

it('beats no more once the policy cannot be read: nothing would tell of a revocation', async () => {
  const told: unknown[] = [];
  const { call, policies } = await openWatch([], { heartbeatMs: 20, onError: (error) => told.push(error) });
  const ended = new Promise<ServiceError>((resolve) => call.once('error', resolve));
  await expect.poll(() => call.kinds.length).toBeGreaterThan(4);
  const outage = new StoreUnavailable(new Error('connection refused'));
  policies.get = async () => {
    throw outage;
  };
  expect(await ended).toMatchObject({ code: status.UNAVAILABLE, details: 'the database does not answer' });
  expect(told).toEqual([outage]);
});

it('signs off the event loop, and writes nothing once the watch has ended meanwhile', async () => {
  const { watch, call, change } = await openWatch();
  const ended = new Promise<Error>((resolve) => call.once('error', resolve));
  const revocation = { id: 'r', target: 'policy', name: 'read', atMs: 1 } as const;
  change({ revoked: [revocation] }, [revocation]);
  // Every microtask is done by then, and no other turn of the event loop has begun.
  await new Promise<void>((resolve) => queueMicrotask(() => process.nextTick(resolve)));
  expect(call.kinds.slice(2)).toEqual([]);
  watch.end(new Refusal('draining', 'closed'));
  await ended;
  await signedMeanwhile();
  expect(call.kinds.slice(2)).toEqual([]);
});

/** As many signatures as the thread pool has threads, and one more: what was asked for before is done. */
async function signedMeanwhile(): Promise<void> {
  const privateKey = createSigningKey();
  const one = () => promisify(sign)('sha256', Buffer.alloc(1), privateKey);
  await Promise.all([one(), one(), one(), one(), one()]);
}
