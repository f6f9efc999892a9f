/** What attestation proved about the caller. */
export interface SessionFacts {
  readonly tenant: string;
  readonly sessionId: string;
  /** Names of the client workloads that the claims matched. */
  readonly workloads: readonly string[];
  /** Subject of the user evidence. */
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
