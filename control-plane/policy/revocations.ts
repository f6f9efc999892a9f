import type { Reason } from '../../proto/reasons.ts';
import { splitUserName } from './user-name.ts';
import type { ActiveRevocation, RevocationTargetName, SessionFacts } from './facts.ts';

const REASON_BY_TARGET = {
  workload: 'workload-revoked',
  policy: 'policy-revoked',
  credential: 'credential-revoked',
  user: 'user-revoked',
  session: 'session-revoked',
  tenant: 'tenant-revoked',
} as const satisfies Record<RevocationTargetName, Reason>;

/** The revocations of one tenant that are in force, for constant-time questions. */
export class RevocationSet {
  readonly #byKey: ReadonlyMap<string, ActiveRevocation>;
  readonly all: readonly ActiveRevocation[];

  constructor(active: readonly ActiveRevocation[]) {
    this.all = active;
    this.#byKey = new Map(active.map((revocation) => [keyOf(revocation.target, revocation.name), revocation]));
  }

  has(target: RevocationTargetName, name: string): boolean {
    return this.#byKey.has(keyOf(target, name));
  }

  /** Why this session may do nothing at all, or undefined. One revoked workload of several is enough. */
  reasonAgainst(session: SessionFacts): Reason | undefined {
    for (const target of ['tenant', 'session', 'user', 'workload'] as const) {
      if (this.all.some((revocation) => revocation.target === target && endsSession(revocation, session))) {
        return REASON_BY_TARGET[target];
      }
    }
    return undefined;
  }
}

/** Whether a revocation ends everything of this session. */
export function endsSession(revocation: Pick<ActiveRevocation, 'target' | 'name'>, session: SessionFacts): boolean {
  switch (revocation.target) {
    case 'tenant':
      return revocation.name === session.tenant;
    case 'session':
      return revocation.name === session.sessionId;
    case 'user':
      return session.user !== undefined && isUser(revocation.name, session.user);
    case 'workload':
      return session.workloads.includes(revocation.name);
    case 'policy':
    case 'credential':
      return false;
  }
}

/** A bare subject is that of every issuer: whoever revokes in a hurry ends too much rather than too little. */
function isUser(name: string, user: string): boolean {
  return name === user || name === splitUserName(user).subject;
}

/** Whether a proxy with this session is told of a revocation. Policies and credentials: always, it may hold grants of them. */
export function concernsSession(revocation: Pick<ActiveRevocation, 'target' | 'name'>, session: SessionFacts): boolean {
  return revocation.target === 'policy' || revocation.target === 'credential' || endsSession(revocation, session);
}

function keyOf(target: RevocationTargetName, name: string): string {
  return `${target} ${name}`;
}
