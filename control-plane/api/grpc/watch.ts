import { randomUUID, sign as signWithCallback } from 'node:crypto';
import { promisify } from 'node:util';
import type { ServerWritableStream } from '@grpc/grpc-js';
import type { Clock } from '../../../common/clock.ts';
import { VERSION } from '../../../common/version.ts';
import { type Revocation, RevocationTarget } from '../../../proto/gen/sidekey/v1/grant.ts';
import {
  ProxyServiceService,
  type Snapshot,
  WatchEvent,
  type WatchRequest,
  type WatchResponse,
} from '../../../proto/gen/sidekey/v1/proxy.ts';
import { MAX_MESSAGE_BYTES } from '../../../proto/limits.ts';
import type { SigningKeys } from '../../credentials/signing-keys.ts';
import { newBudget } from '../../policy/budget.ts';
import type { ActiveRevocation, RevocationTargetName, SessionFacts } from '../../policy/facts.ts';
import type { PolicyChange, PolicySource, TenantPolicy } from '../../policy/policy-source.ts';
import { concernsSession, endsSession } from '../../policy/revocations.ts';
import { routesOf } from '../../policy/routes.ts';
import type { PlaceholderKeys } from '../../credentials/placeholder-keys.ts';
import type { ProxyMeter } from './proxy-meter.ts';
import { refuse, Refusal } from './refusal.ts';
import type { LiveSession, SessionGate } from './session-gate.ts';
import type { TenantAuthorities } from '../../credentials/tenant-authorities.ts';

export interface WatchOptions {
  readonly gate: SessionGate;
  readonly policies: PolicySource;
  readonly authorities: TenantAuthorities;
  readonly placeholders: Pick<PlaceholderKeys, 'for'>;
  readonly eventKeys: SigningKeys;
  readonly clock: Clock;
  readonly heartbeatMs: number;
  readonly onError: (error: unknown) => void;
  readonly meter: Pick<ProxyMeter, 'revocationTold'>;
}

export type WatchCall = ServerWritableStream<WatchRequest, WatchResponse>;

/** What making a host of a route and writing it takes, in steps of a question. */
const HOST_STEPS = 1_000;
/** Revocations that may wait for a slow reader before it is cut off: as many as a proxy holds. */
const MAX_WAITING_REVOCATIONS = 10_000;
/** Of a message, beside its event. */
const SIGNATURE_BYTES = 256;

const TARGETS = {
  workload: RevocationTarget.REVOCATION_TARGET_WORKLOAD,
  policy: RevocationTarget.REVOCATION_TARGET_POLICY,
  credential: RevocationTarget.REVOCATION_TARGET_CREDENTIAL,
  user: RevocationTarget.REVOCATION_TARGET_USER,
  session: RevocationTarget.REVOCATION_TARGET_SESSION,
  tenant: RevocationTarget.REVOCATION_TARGET_TENANT,
} as const satisfies Record<RevocationTargetName, RevocationTarget>;

/**
 * In the thread pool: a revocation goes out on a thousand watches at once, and signing is most of what that costs. Each is written
 * as soon as it is signed, where it would else leave after the last of them.
 */
const sign = promisify(signWithCallback);

/** What has changed since the proxy was told last: the newest policy alone, and every revocation in its order. */
interface News {
  current: TenantPolicy;
  policyChanged: boolean;
  readonly revocations: { readonly revocation: ActiveRevocation; readonly lifted: boolean; readonly heardAt: number }[];
}

/** Serves one Watch call until the proxy goes, the session ends, or `WatchStream.end` is called. */
export class WatchStream {
  readonly #options: WatchOptions;
  readonly #call: WatchCall;
  readonly #session: LiveSession;
  #sequence = 0;
  #news: News | undefined;
  #isBeatDue = false;
  #ended = false;
  #stops: (() => void)[] = [];
  /** Events go out in the order of their causes, one after the other. */
  #tail: Promise<void> = Promise.resolve();

  private constructor(options: WatchOptions, call: WatchCall, session: LiveSession) {
    this.#options = options;
    this.#call = call;
    this.#session = session;
  }

  /** Lets the call in and sends the first snapshot. Throws AttestationError or Refusal. */
  static async open(options: WatchOptions, call: WatchCall): Promise<WatchStream> {
    const session = await options.gate.enter(call.metadata, ProxyServiceService.watch.path);
    const stream = new WatchStream(options, call, session);
    stream.#start();
    return stream;
  }

  get sessionId(): string {
    return this.#session.ticket.id;
  }

  /** Ends the stream with a reason. */
  end(error: unknown): void {
    if (this.#ended) return;
    this.#close();
    refuse(this.#call, error);
  }

  #start(): void {
    const { clock, heartbeatMs, policies } = this.#options;
    const { tenant, notAfter } = this.#session.ticket;
    this.#stops.push(policies.watch(tenant, (change) => this.#onChange(change)));
    const beat = setInterval(() => this.#beat(), heartbeatMs);
    const expiry = setTimeout(
      () => this.end(new Refusal('session-expired', 'the session has expired')),
      Math.max(notAfter - clock.now(), 0),
    );
    this.#stops.push(
      () => clearInterval(beat),
      () => clearTimeout(expiry),
    );
    this.#call.on('cancelled', () => this.#close());
    this.#call.on('close', () => this.#close());
    this.#call.on('error', () => this.#close());
    this.#enqueue(async () => {
      const current = await policies.get(tenant);
      if (!current) throw new Refusal('session-invalid', 'the tenant does not exist');
      await this.#sendSnapshot(current, this.#options.gate.facts(this.#session, current));
      await this.#heartbeat();
    });
  }

  #beat(): void {
    if (this.#isBeatDue) return;
    this.#isBeatDue = true;
    this.#enqueue(async () => {
      this.#isBeatDue = false;
      await this.#heartbeat();
    });
  }

  #onChange({ current, lifted, policyChanged, revoked }: PolicyChange): void {
    const heardAt = performance.now();
    const waiting = this.#news;
    const news = waiting ?? { current, policyChanged, revocations: [] };
    news.current = current;
    news.policyChanged ||= policyChanged;
    for (const revocation of lifted) news.revocations.push({ revocation, lifted: true, heardAt });
    for (const revocation of revoked) news.revocations.push({ revocation, lifted: false, heardAt });
    if (waiting !== undefined) {
      if (news.revocations.length > MAX_WAITING_REVOCATIONS)
        this.end(new Refusal('overloaded', 'the proxy reads its events too slowly'));
      return;
    }
    this.#news = news;
    this.#enqueue(() => this.#tell(news));
  }

  async #tell(news: News): Promise<void> {
    const { gate, meter } = this.#options;
    const { tenant } = this.#session.ticket;
    while (gate.watchTurns.mustWait(tenant)) await gate.watchTurns.next(tenant);
    this.#news = undefined;
    // Once for all of it: a change is told on every watch of the tenant, one after the other.
    const facts = gate.facts(this.#session, news.current, newBudget(), gate.watchTurns);
    for (const { revocation, lifted, heardAt } of news.revocations) {
      if ((await this.#sendRevocation(revocation, lifted, facts)) && !lifted)
        meter.revocationTold(performance.now() - heardAt);
    }
    await this.#assertLive(news, facts);
    if (news.policyChanged) await this.#sendSnapshot(news.current, facts);
  }

  /**
   * Ends the watch of a session that has lost its standing. Live calls are cut by a revocation of it here, where they know
   * of none: its trust is withdrawn, or it has come to be a workload that is revoked and that their grants do not name.
   */
  async #assertLive({ current, revocations }: News, facts: SessionFacts): Promise<void> {
    const { record, ticket } = this.#session;
    try {
      this.#options.gate.assertLive(this.#session, current, facts);
    } catch (error) {
      const attested = { ...facts, workloads: record.workloads };
      const isTold = revocations.some(({ lifted, revocation }) => !lifted && endsSession(revocation, attested));
      if (error instanceof Refusal && error.reason !== 'session-expired' && !isTold) {
        const name = ticket.id;
        const atMs = this.#options.clock.now();
        const revocation: ActiveRevocation = { id: randomUUID(), target: 'session', name, atMs };
        await this.#send({ $case: 'revocation', value: wireRevocation(revocation, false) });
      }
      throw error;
    }
  }

  #enqueue(run: () => Promise<void>): void {
    if (this.#ended) return;
    this.#tail = this.#tail.then(async () => {
      try {
        if (!this.#ended) await run();
      } catch (error) {
        if (!(error instanceof Refusal)) this.#options.onError(error);
        this.end(error);
      }
    });
  }

  async #sendSnapshot({ policy, revocations }: TenantPolicy, facts: SessionFacts): Promise<void> {
    const { authorities, gate, placeholders } = this.#options;
    const { record, ticket } = this.#session;
    const placeholderOf = await placeholders.for(ticket.tenant);
    while (gate.watchTurns.mustWait(ticket.tenant)) await gate.watchTurns.next(ticket.tenant);
    const routes = routesOf(policy, facts, placeholderOf);
    const hosts = routes.reduce((count, route) => count + route.hosts.length, 0);
    gate.watchTurns.took(ticket.tenant, hosts * HOST_STEPS);
    const key = record.authorityKey;
    const snapshot: Snapshot = {
      policyVersion: policy.source.version,
      policyChange: policy.source.change,
      routes,
      certificateAuthority:
        key === undefined ? undefined : await authorities.issue(ticket.tenant, Buffer.from(key, 'base64'), routes),
      revocations: revocations.all
        .filter((active) => concernsSession(active, facts))
        .map((active) => wireRevocation(active, false, record.user)),
      controlPlaneVersion: VERSION,
    };
    await this.#send({ $case: 'snapshot', value: snapshot });
  }

  /** False when it does not concern the session. */
  async #sendRevocation(revocation: ActiveRevocation, lifted: boolean, facts: SessionFacts): Promise<boolean> {
    if (!concernsSession(revocation, facts)) return false;
    await this.#send({ $case: 'revocation', value: wireRevocation(revocation, lifted, this.#session.record.user) });
    return true;
  }

  async #heartbeat(): Promise<void> {
    const { clock, heartbeatMs, policies } = this.#options;
    const { notAfter, tenant } = this.#session.ticket;
    // The timer goes by another clock: were this one set ahead, every question would be refused and the proxy not attest again.
    if (notAfter <= clock.now()) throw new Refusal('session-expired', 'the session has expired');
    // A beat says that revocations would be heard of: none while the store cannot be read.
    if (!(await policies.get(tenant))) throw new Refusal('session-invalid', 'the tenant does not exist');
    const interval = { seconds: Math.floor(heartbeatMs / 1_000), nanos: (heartbeatMs % 1_000) * 1_000_000 };
    await this.#send({ $case: 'heartbeat', value: { at: new Date(clock.now()), interval } });
  }

  async #send(kind: NonNullable<WatchEvent['kind']>): Promise<void> {
    if (this.#ended) return;
    const { record, ticket } = this.#session;
    const key = this.#options.eventKeys.find(record.eventKeyId);
    if (!key) throw new Refusal('session-expired', "the key of this session's events has been retired");
    this.#sequence += 1;
    const event = asBuffer(WatchEvent.encode({ sessionId: ticket.id, sequence: this.#sequence, kind }).finish());
    if (event.length > MAX_MESSAGE_BYTES - SIGNATURE_BYTES) {
      const who = record.workloads.join(', ');
      const message = `the routes of ${who} are ${event.length} bytes together, and a proxy takes ${MAX_MESSAGE_BYTES}`;
      throw new Refusal('overloaded', message);
    }
    const signature = await sign('sha256', event, { key: key.privateKey, dsaEncoding: 'ieee-p1363' });
    if (this.#ended) return;
    // What comes next waits outside of the call, where it can be overtaken. A call that is gone leaves this for good.
    await new Promise((taken) => this.#call.write({ event, signature, keyId: key.id }, taken));
  }

  #close(): void {
    if (this.#ended) return;
    this.#ended = true;
    for (const stop of this.#stops) stop();
  }
}

function asBuffer({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}

/** A user may be revoked by subject alone: the proxy, which knows whole names, is told that of its session. */
function wireRevocation(revocation: ActiveRevocation, lifted: boolean, user?: string): Revocation {
  const { id, atMs } = revocation;
  const name = revocation.target === 'user' ? (user ?? revocation.name) : revocation.name;
  return { id, target: TARGETS[revocation.target], name, at: new Date(atMs), lifted };
}
