import { denial } from '../denial.ts';
import { hasUnknownFact } from './question-key.ts';
import { type RevocationSet, standingOfSession } from '../watch/revocation-set.ts';
import type { DenialAnswer, Question, SessionState } from '../types.ts';

/** What a question can be answered with whoever is asked, which is only ever no. */
export function refuseQuestion(
  question: Question,
  session: SessionState | undefined,
  { revocations, tenant }: { readonly revocations: RevocationSet; readonly tenant: string },
): DenialAnswer | undefined {
  if (hasUnknownFact(question)) {
    return denial('internal-error', 'The route asks for a fact that this proxy does not know.');
  }
  if (session === undefined) return undefined;
  const revoked = revocations.find(standingOfSession(session, tenant));
  return revoked === undefined ? undefined : denial(revoked);
}
