import { systemClock } from '../../common/clock.ts';
import { type Connection, failureReason } from '../connection.ts';
import { mayPass } from '../denial.ts';
import type { ProofMaker } from './proof.ts';
import { attest, type Session } from './session.ts';
import type { PolicyClientOptions } from '../types.ts';

/** Of whom it attests, and over what. */
interface AttestorParts {
  readonly connection: Connection;
  readonly proofs: ProofMaker;
  readonly options: PolicyClientOptions;
  /** This run of the proxy; it alone may sign for hosts. */
  readonly ownId: string;
  readonly timeoutMs: number;
  /** Whether events come on the connection. */
  readonly isHeard: () => boolean;
}

/** Shows the control plane who this is: as this run, or as one before whose records are still to be delivered. */
export function createAttestor(parts: AttestorParts): (instanceId: string) => Promise<Session> {
  const { connection, proofs, options, ownId, timeoutMs, isHeard } = parts;
  const { tenant, evidence, wantCertificateAuthority = false, clock = systemClock } = options;
  return async (instanceId) => {
    const wish = { wantCertificateAuthority: instanceId === ownId && wantCertificateAuthority };
    try {
      return await attest(connection, proofs, { tenant, evidence, instanceId, ...wish, timeoutMs }, () => clock.now());
    } catch (error) {
      // What stands may be dead without a word, or lead to a replica whose clock is wrong or whose database is away; behind a
      // balancer may be another. A busy one is left alone.
      const reason = failureReason(error);
      if (!isHeard() && reason !== 'overloaded' && mayPass(reason)) connection.reset();
      else connection.leaveUnlessUp();
      throw error;
    }
  };
}
