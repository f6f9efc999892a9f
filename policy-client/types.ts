import type { KeyObject } from 'node:crypto';
import type { Clock } from '../common/clock.ts';
import type { Reason } from '../proto/reasons.ts';
import type { DecisionRecord } from '../proto/gen/sidekey/v1/decision.ts';
import type { Grant, Revocation } from '../proto/gen/sidekey/v1/grant.ts';
import type { CertificateAuthority, Evidence } from '../proto/gen/sidekey/v1/proxy.ts';
import type { Destination, Header, InspectedFacts, Route } from '../proto/gen/sidekey/v1/route.ts';

/** Where log entries go; a pino logger fits. Entries hold codes, names and counts, never a secret. */
export interface PolicyClientLog {
  info(fields: Record<string, unknown>, message: string): void;
  warn(fields: Record<string, unknown>, message: string): void;
  error(fields: Record<string, unknown>, message: string): void;
}

/** Bounds and time-outs; `DEFAULT_LIMITS` in limits.ts holds the values used for what is left out. */
export interface PolicyClientLimits {
  /** Grants and denials held at most. */
  readonly maxCachedAnswers: number;
  /** Questions waiting for an answer at most; more are denied with `overloaded`. */
  readonly maxPendingQuestions: number;
  /** A question is denied with `authorize-timeout` after this long. */
  readonly authorizeTimeoutMs: number;
  /** A question that finds the link down waits for it until the link has been down this long. */
  readonly reconnectGraceMs: number;
  /** Attest is given up after this long. */
  readonly attestTimeoutMs: number;
  /** The link counts as dead when nothing came for this long, until the control plane names its own interval. */
  readonly heartbeatTimeoutMs: number;
  /** First and longest wait before trying again; the real wait is random between zero and the present bound. */
  readonly minBackoffMs: number;
  readonly maxBackoffMs: number;
  /** Active revocations remembered at most; beyond it the client fails closed until the next snapshot. */
  readonly maxRevocations: number;
  /** Decision records in memory at most, in bytes of their encoding. */
  readonly maxRecordMemoryBytes: number;
  /** Records are encoded, hashed and sent this long after the first unsent one came, while the link is up. */
  readonly recordFlushMs: number;
  /** Spool on disk at most, in bytes. */
  readonly maxSpoolBytes: number;
  /** Undelivered records go to the spool once the link has been down this long. */
  readonly spoolAfterMs: number;
  /** Records of another process are taken over when it showed no life for this long; looked for this often. */
  readonly leftoverAgeMs: number;
  /** A process that stood still for longer, such as one restored from an image, attests again. */
  readonly maxStillMs: number;
}

export interface PolicyClientOptions {
  /** `host:port` of the control plane. */
  readonly address: string;
  /** Certificate authorities that may vouch for the control plane, PEM; left out: the system's. */
  readonly caPem?: string;
  /** Name that the control plane's certificate must have, when it is not the address's host. */
  readonly serverName?: string;
  readonly tenant: string;
  /** Called before each attestation; reads fresh tokens. */
  readonly evidence: () => Promise<Evidence[]>;
  /** Directory for decision records that cannot be delivered; left out: they are kept in memory alone. */
  readonly spoolDir?: string;
  readonly clock?: Clock;
  readonly limits?: Partial<PolicyClientLimits>;
  readonly wantCertificateAuthority?: boolean;
  readonly log?: PolicyClientLog;
}

/** An attested session, without its token. */
export interface SessionState {
  readonly id: string;
  /** Client workloads that matched at attestation. A grant is bound to those that match when it is made. */
  readonly workloads: readonly string[];
  /** `issuer#subject` of the user evidence, if the user was proven. */
  readonly user: string | undefined;
  readonly claims: Readonly<Record<string, unknown>>;
  /** Milliseconds since the Unix epoch. */
  readonly notAfter: number;
}

/** What the proxy asks for one request. Facts that the route does not name in `decisionFacts` are neither sent nor cached by. */
export interface Question {
  readonly destination: Destination;
  readonly method: string;
  /** Canonical path, without query. */
  readonly path: string;
  /** Without "?". */
  readonly query?: string | undefined;
  /** Headers that a policy may read; the caller leaves credentials out. */
  readonly headers?: readonly Header[] | undefined;
  /** What was read out of the request, when the route asks for more than path, query and headers. */
  readonly inspected?: InspectedFacts | undefined;
  /** Asks whether such a call could be allowed; the grant holds no credential. */
  readonly dryRun?: boolean | undefined;
  readonly route: Route;
}

/** The same object comes back on each hit, so that work derived from `grant` can be kept in a WeakMap. */
export interface GrantAnswer {
  readonly kind: 'grant';
  /** Printing or serialising it masks the credential. */
  readonly grant: Grant;
  readonly fromCache: boolean;
  /** The lease has ended and the control plane is away: the policy's fail mode allowed it all the same. */
  readonly stale: boolean;
}

export interface DenialAnswer {
  readonly kind: 'denial';
  readonly reason: Reason;
  /** A sentence for people; no secrets. */
  readonly message: string;
  /** The policy or condition that said no, when one did. */
  readonly accessPolicy: string | undefined;
  readonly fromCache: boolean;
}

export type Answer = GrantAnswer | DenialAnswer;

export interface PolicyClientStats {
  readonly connected: boolean;
  readonly attestations: number;
  readonly attestationFailures: number;
  readonly reconnects: number;
  readonly policyVersion: number;
  readonly activeRevocations: number;
  readonly cachedAnswers: number;
  readonly cacheHits: number;
  readonly cacheMisses: number;
  readonly staleHits: number;
  readonly pendingQuestions: number;
  readonly questionsAsked: number;
  readonly questionTimeouts: number;
  readonly recordsQueued: number;
  readonly recordsDelivered: number;
  /** Left in the spool directory by processes that died, and delivered in their name. */
  readonly leftoversDelivered: number;
  /** Lost because memory and spool were full; each loss also stands in the chain as a `LOST_RECORDS_METHOD` record. */
  readonly recordsLost: number;
  /** How often the control plane refused records for what they are (`bad-request`); an operator has to look. */
  readonly recordRefusals: number;
  /** How often the control plane had lost acknowledged records that are not here any more either: a gap in the log. */
  readonly recordGaps: number;
  readonly recordMemoryBytes: number;
  readonly spoolBytes: number;
  readonly spoolErrors: number;
  /** Of the last failure to reach or convince the control plane. */
  readonly lastFailure: Reason | undefined;
}

export type Unsubscribe = () => void;

/** A proxy's link to its control plane. Everything fails closed: what cannot be asked and is not held is denied. */
export interface PolicyClient {
  /** Random id of this process; names its decision chain. */
  readonly instanceId: string;
  /** Private P-256 key that the session, and an issued certificate authority, are bound to. It never leaves the process. */
  readonly proxyKey: KeyObject;
  /** Opens the spool and starts connecting; resolves before it has connected. */
  start(): Promise<void>;
  /** Resolves with the first snapshot; rejects if the client is closed before. */
  readonly ready: Promise<void>;
  readonly connected: boolean;
  session(): SessionState | undefined;
  /** Ends the session and attests with the evidence that there is now: call it when that is of somebody else. */
  attestAgain(): void;
  /** Why nothing may go on in this proxy's session; undefined when no revocation concerns it. */
  revoked(): Reason | undefined;
  /** Routes of the last snapshot; the same array until the next one. */
  routes(): readonly Route[];
  /** After each snapshot. With a new session, which may be of another user. */
  onChange(listener: () => void): Unsubscribe;
  /** After the cache has let go of what the revocation ends; not called for lifted ones. */
  onRevocation(listener: (revocation: Revocation) => void): Unsubscribe;
  /** With each intermediate that is issued for `proxyKey`, where it was asked for. */
  onAuthority(listener: (authority: CertificateAuthority) => void): Unsubscribe;
  onConnection(listener: (connected: boolean) => void): Unsubscribe;
  /** Answers synchronously from the cache when it can. Never rejects. */
  authorize(question: Question): Answer | Promise<Answer>;
  /** These authorities (PEM), in place of the former ones, may vouch for the control plane at the next connection. What stands is kept. */
  trust(caPem: string): void;
  /**
   * Whether the record of one call more is sure to find a place beside those of the `calls` that are under way, of a KiB each.
   * False: begin none, or some may be missing in the log. Those that are under way go on, and may ask again.
   */
  hasRoomBeside(calls: number): boolean;
  /** Queues a record; `instanceId` is filled in. Costs one array push. */
  record(record: DecisionRecord): void;
  stats(): PolicyClientStats;
  /** Delivers what it can within the deadline, spools the rest, and ends. A later call shortens the deadline. */
  close(deadlineMs: number): Promise<void>;
}
