import { INSPECTED_FACTS, type Inspection } from '../../common/inspection/inspect.ts';

/** Parts of the question beyond scheme, host, port and method: sent, and part of the grant cache's key, when policy reads them. */
export const FACT_NAMES = ['path', 'query', 'headers', ...INSPECTED_FACTS] as const;
export type FactName = (typeof FACT_NAMES)[number];

/** Those that the proxy must read out of the request. */
export const INSPECTED: ReadonlySet<FactName> = new Set(INSPECTED_FACTS);

/** What attestation proved about the caller. */
export interface SessionFacts {
  readonly tenant: string;
  readonly sessionId: string;
  /** Names of the client workloads that the claims match. */
  readonly workloads: readonly string[];
  /** Issuer and subject of the user evidence (see `userName`). */
  readonly user: string | undefined;
  /** Names of the trust providers whose evidence was verified. */
  readonly trust: readonly string[];
  readonly claims: Readonly<Record<string, unknown>>;
  readonly userClaims: Readonly<Record<string, unknown>>;
}

/** What the agent wants to do. `query` and `headers` are there only when the route asks for them. */
export interface RequestFacts {
  readonly scheme: string;
  readonly host: string;
  readonly port: number;
  readonly method: string;
  /** Canonical path. */
  readonly path: string;
  readonly query?: string | undefined;
  readonly headers?: readonly { readonly name: string; readonly value: string }[] | undefined;
  /** What was read out of the request, when the route asks for it. */
  readonly inspected?: Inspection | undefined;
  /** Variables of the path pattern through which a rule covers the call. */
  readonly variables?: Readonly<Record<string, string>> | undefined;
  /** Asks whether such a call could be allowed, whatever its arguments. */
  readonly dryRun?: boolean | undefined;
}

export const REVOCATION_TARGETS = ['workload', 'policy', 'credential', 'user', 'session', 'tenant'] as const;
export type RevocationTargetName = (typeof REVOCATION_TARGETS)[number];

/** A revocation in force. */
export interface ActiveRevocation {
  readonly id: string;
  readonly target: RevocationTargetName;
  /** Name of the workload, policy or credential provider; subject of the user; id of the session; name of the tenant. */
  readonly name: string;
  /** Milliseconds since the epoch. */
  readonly atMs: number;
}
