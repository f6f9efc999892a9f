import { EventEmitter } from 'node:events';
import { generateKeyPairSync, sign } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Secret } from '../../../../common/secret.ts';
import { VERSION } from '../../../../common/version.ts';
import { ProofMaker } from '../../../../policy-client/attest/proof.ts';
import type { Session } from '../../../../policy-client/attest/session.ts';
import { Backoff } from '../../../../policy-client/backoff.ts';
import type { Connection } from '../../../../policy-client/connection.ts';
import * as wire from '../../../../policy-client/wire.ts';
import { Watcher } from '../../../../policy-client/watch/watcher.ts';
import { Revocation, RevocationTarget } from '../../../../proto/gen/sidekey/v1/grant.ts';
import { Snapshot, WatchEvent, type WatchResponse } from '../../../../proto/gen/sidekey/v1/proxy.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const PAUSE_MS = 10;
const SILENCE_MS = 1_000;
const UNAUTHENTICATED = 16;
const UNAVAILABLE = 14;
const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });

function sessionNamed(id: string): Session {
  const state = { id, workloads: [], user: undefined, claims: {}, notAfter: 1e15 };
  const keys = { eventKey: publicKey, eventKeyId: 'k' };
  return {
    state,
    ...keys,
    renewAfter: 1e15,
    token: new Secret(`token of ${id}`),
    authority: undefined,
    controlPlaneVersion: '',
  };
}

/** One Watch call as its control plane sees it. */
class Call extends EventEmitter {
  readonly session: string;
  readonly knownVersion: number;
  isCancelled = false;
  #sequence = 0;

  constructor(session: string, knownVersion: number) {
    super();
    this.session = session;
    this.knownVersion = knownVersion;
  }

  cancel(): void {
    this.isCancelled = true;
  }

  say(
    kind: WatchEvent['kind'],
    bend: { sequence?: number; sessionId?: string; keyId?: string; event?: Buffer; signed?: Buffer } = {},
  ): void {
    this.#sequence += 1;
    const { keyId = 'k', sequence = this.#sequence, sessionId = this.session } = bend;
    const event = bend.event ?? Buffer.from(WatchEvent.encode({ sessionId, sequence, kind }).finish());
    const signature = sign('sha256', bend.signed ?? event, { key: privateKey, dsaEncoding: 'ieee-p1363' });
    this.emit('data', { event, signature, keyId } satisfies WatchResponse);
  }

  snapshot(policyVersion: number, controlPlaneVersion = VERSION): void {
    this.say({ $case: 'snapshot', value: Snapshot.fromPartial({ policyVersion, controlPlaneVersion }) });
  }

  revoke(name: string): void {
    const target = RevocationTarget.REVOCATION_TARGET_WORKLOAD;
    this.say({ $case: 'revocation', value: Revocation.fromPartial({ id: name, name, target }) });
  }

  beat(seconds: number): void {
    this.say({ $case: 'heartbeat', value: { at: new Date(0), interval: { seconds, nanos: 0 } } });
  }
}

function watching() {
  const calls: Call[] = [];
  const told: string[] = [];
  const log = {
    info: () => {},
    warn: (fields: { code?: unknown }) => told.push(`warned of ${fields.code}`),
    error: () => {},
  };
  const connection = {
    wire,
    client: {
      watch: ({ knownVersion }: { knownVersion: number }, metadata: wire.Metadata) => {
        const session = String(metadata.get('authorization')[0]).replace('DPoP token of ', '');
        const call = new Call(session, knownVersion);
        calls.push(call);
        return call;
      },
    },
    reset: () => told.push('connection left'),
    leaveUnlessUp: () => told.push('connection left unless up'),
  } as unknown as Connection;
  const watcher = new Watcher({
    connection,
    proofs: new ProofMaker(),
    backoff: new Backoff(PAUSE_MS, 100 * PAUSE_MS, () => 1),
    heartbeatTimeoutMs: SILENCE_MS,
    nowMs: () => 0,
    knownVersion: () => 7,
    log,
    onSnapshot: ({ state }, { policyVersion }) => told.push(`${state.id}: version ${policyVersion}`),
    onRevocation: ({ name }) => told.push(`revoked ${name}`),
    onDown: (reason) => told.push(`down: ${reason}`),
    onSessionRefused: ({ state }, reason) => told.push(`${state.id} refused: ${reason}`),
  });
  const heard = (): string[] => told.splice(0);
  return { calls, watcher, heard };
}

/** A watcher whose first stream, of session `a`, has given its snapshot. */
function connected() {
  const parts = watching();
  parts.watcher.setSession(sessionNamed('a'));
  const [call] = parts.calls;
  if (call === undefined) throw new Error('no call was made');
  call.snapshot(1);
  parts.heard();
  return { ...parts, call };
}

const failure = (code: number): Error => Object.assign(new Error('no'), { code });

describe('the stream of a renewed session', () => {
  it('takes over with its snapshot, and until then the one before it is heard', () => {
    const { calls, watcher, heard, call } = connected();
    watcher.setSession(sessionNamed('b'));
    const [, next] = calls;
    expect(calls.map(({ session, knownVersion }) => [session, knownVersion])).toEqual([
      ['a', 7],
      ['b', 7],
    ]);
    call.revoke('one');
    next?.revoke('two');
    call.snapshot(2);
    expect([call.isCancelled, heard()]).toEqual([false, ['revoked one', 'revoked two', 'a: version 2']]);
    next?.snapshot(3);
    expect([call.isCancelled, next?.isCancelled, heard()]).toEqual([true, false, ['b: version 3']]);
    // What is behind the one that was left says nothing any more.
    call.revoke('late');
    call.emit('error', failure(UNAVAILABLE));
    next?.snapshot(4);
    expect([next?.isCancelled, heard()]).toEqual([false, ['b: version 4']]);
  });

  it('is closed for that of the next session, when it has given none', () => {
    const { calls, watcher, call } = connected();
    watcher.setSession(sessionNamed('b'));
    watcher.setSession(sessionNamed('c'));
    expect([call, ...calls.slice(1)].map(({ isCancelled }) => isCancelled)).toEqual([false, true, false]);
  });

  it('that ends before its snapshot is opened again, while the one before it is heard', () => {
    const { calls, watcher, heard, call } = connected();
    watcher.setSession(sessionNamed('b'));
    calls[1]?.emit('error', failure(13));
    expect(heard()).toEqual(['warned of grpc', 'connection left unless up']);
    call.revoke('one');
    expect(heard()).toEqual(['revoked one']);
    vi.advanceTimersByTime(PAUSE_MS);
    expect([calls.map(({ session }) => session), watcher.reconnects]).toEqual([['a', 'b', 'b'], 1]);
  });

  it('is awaited when the one before it ends, and no other is opened beside it', () => {
    const { calls, watcher, heard, call } = connected();
    watcher.setSession(sessionNamed('b'));
    call.emit('end');
    expect(heard()).toEqual(['warned of watch-ended', 'down: control-plane-unavailable', 'connection left unless up']);
    vi.advanceTimersByTime(10 * PAUSE_MS);
    expect([calls.length, watcher.reconnects]).toEqual([2, 0]);
    calls[1]?.snapshot(2);
    expect(heard()).toEqual(['b: version 2']);
  });
});

describe('a stream that ends', () => {
  it('is opened again after a pause that grows, until a snapshot has come', () => {
    const { calls, watcher, heard, call } = connected();
    call.emit('error', failure(UNAVAILABLE));
    expect(heard()).toEqual(['warned of grpc', 'down: control-plane-unavailable', 'connection left']);
    vi.advanceTimersByTime(PAUSE_MS - 1);
    expect(calls).toHaveLength(1);
    vi.advanceTimersByTime(1);
    expect(calls).toHaveLength(2);
    calls[1]?.emit('error', failure(UNAVAILABLE));
    // Without a word more of it, nor a second time down.
    expect(heard()).toEqual(['connection left']);
    vi.advanceTimersByTime(2 * PAUSE_MS - 1);
    expect(calls).toHaveLength(2);
    vi.advanceTimersByTime(1);
    calls[2]?.snapshot(2);
    calls[2]?.emit('error', failure(UNAVAILABLE));
    expect(heard()).toEqual(['a: version 2', 'warned of grpc', 'down: control-plane-unavailable', 'connection left']);
    vi.advanceTimersByTime(PAUSE_MS);
    expect([calls.length, watcher.reconnects]).toEqual([4, 3]);
  });

  it.each([
    ['is refused', (call: Call) => call.emit('error', failure(UNAUTHENTICATED)), 'session-invalid'],
    ['is signed anew', (call: Call) => call.say(undefined, { keyId: 'other' }), 'control-plane-unavailable'],
    ['comes from an unfit release', (call: Call) => call.snapshot(2, '999.0.0'), 'version-unsupported'],
  ])('as its session %s waits for another', (_, end, reason) => {
    const { calls, watcher, heard, call } = connected();
    end(call);
    expect(heard()).toEqual([
      expect.stringMatching(/^warned/),
      `a refused: ${reason}`,
      `down: ${reason}`,
      'connection left unless up',
    ]);
    vi.advanceTimersByTime(100 * PAUSE_MS);
    expect([calls.length, watcher.reconnects, call.isCancelled]).toEqual([1, 0, true]);
  });

  it('is not opened again without a session', () => {
    const { calls, watcher, call } = connected();
    call.emit('error', failure(UNAVAILABLE));
    watcher.setSession(undefined);
    vi.advanceTimersByTime(100 * PAUSE_MS);
    expect([calls.length, vi.getTimerCount()]).toEqual([1, 0]);
  });

  it('is not opened twice, when a session comes in the pause', () => {
    const { calls, watcher, call } = connected();
    call.emit('error', failure(UNAVAILABLE));
    watcher.setSession(sessionNamed('b'));
    vi.advanceTimersByTime(SILENCE_MS - 1);
    expect(calls.map(({ session }) => session)).toEqual(['a', 'b']);
  });
});

it('without a session nothing is heard', () => {
  const { calls, watcher, heard, call } = connected();
  watcher.setSession(sessionNamed('b'));
  watcher.setSession(undefined);
  expect(calls.map(({ isCancelled }) => isCancelled)).toEqual([true, true]);
  call.revoke('late');
  calls[1]?.snapshot(2);
  expect([heard(), vi.getTimerCount()]).toEqual([[], 0]);
});

describe('silence', () => {
  it('ends a stream, and its connection with it', () => {
    const { heard, call } = connected();
    vi.advanceTimersByTime(SILENCE_MS - 1);
    call.revoke('one');
    vi.advanceTimersByTime(SILENCE_MS - 1);
    expect(heard()).toEqual(['revoked one']);
    vi.advanceTimersByTime(1);
    expect(heard()).toEqual(['warned of heartbeat-missing', 'down: control-plane-unavailable', 'connection left']);
    expect(call.isCancelled).toBe(true);
  });

  it('ends a stream that has said nothing at all', () => {
    const { calls, watcher, heard } = watching();
    watcher.setSession(sessionNamed('a'));
    vi.advanceTimersByTime(SILENCE_MS - 1);
    expect([calls.length, heard()]).toEqual([1, []]);
    vi.advanceTimersByTime(1);
    expect(heard()).toEqual(['warned of heartbeat-missing', 'connection left']);
  });

  it('may last half as long again as the control plane says that it beats, and a second', () => {
    const { heard, call } = connected();
    call.beat(10);
    vi.advanceTimersByTime(15_999);
    expect(heard()).toEqual([]);
    call.beat(0);
    vi.advanceTimersByTime(15_999);
    expect(heard()).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(heard()).toContain('down: control-plane-unavailable');
  });
});

it.each([
  ['of another session', 'foreign-event', { sessionId: 'b' }],
  ['that comes again', 'event-out-of-order', { sequence: 1 }],
  ['behind one that is lost', 'event-out-of-order', { sequence: 3 }],
  ['that was signed as another', 'bad-event-signature', { signed: Buffer.from('another') }],
  ['that cannot be read', 'malformed-event', { event: Buffer.of(0xff) }],
])('an event %s ends the stream and is not heard', (_, code, bend) => {
  const { calls, heard, call } = connected();
  call.say({ $case: 'revocation', value: Revocation.fromPartial({ name: 'x' }) }, bend);
  expect(heard()).toEqual([`warned of ${code}`, 'down: control-plane-unavailable', 'connection left unless up']);
  vi.advanceTimersByTime(PAUSE_MS);
  expect([call.isCancelled, calls.length]).toEqual([true, 2]);
});
