import type { Reason } from '../../proto/reasons.ts';
import { splitUserName } from './user-name.ts';
import type { ActiveRevocation, RevocationTargetName, SessionFacts } from './facts.ts';

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
    if (this.has('tenant', session.tenant)) return 'tenant-revoked';
    if (this.has('session', session.sessionId)) return 'session-revoked';
    if (session.user !== undefined && this.#hasUser(session.user)) return 'user-revoked';
    return session.workloads.some((name) => this.has('workload', name)) ? 'workload-revoked' : undefined;
  }

  /** A bare subject is that of every issuer: whoever revokes in a hurry ends too much rather than too little. */
  #hasUser(user: string): boolean {
    return this.has('user', user) || this.has('user', splitUserName(user).subject);
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

/** By its name, or by the bare subject, which is that of every issuer. */
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
