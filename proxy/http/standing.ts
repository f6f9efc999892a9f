import { durationMs } from '../../policy-client/durations.ts';
import type { Answer, PolicyClient, Question } from '../../policy-client/index.ts';
import type { Grant } from '../../proto/gen/sidekey/v1/grant.ts';
import type { Reason } from '../../proto/reasons.ts';
import type { Clock } from '../../common/clock.ts';
import type { ListedThing } from '../inspection/answer-filter.ts';
import { askListed } from '../inspection/ask-listed.ts';

/** On what a running call stands: the question that allowed it, the grant of the last answer, and until when that holds. */
export class Standing {
  grant: Grant | undefined;
  /** Milliseconds since the epoch. */
  leaseEndsAt = Number.POSITIVE_INFINITY;
  readonly #client: PolicyClient;
  readonly #clock: Clock;
  #question: Question | undefined;

  constructor(client: PolicyClient, clock: Clock) {
    this.#client = client;
    this.#clock = clock;
  }

  /** No policy was asked about it: an observed call. */
  get isUnasked(): boolean {
    return this.#question === undefined;
  }

  ask(question: Question): Answer | Promise<Answer> {
    this.#question = question;
    return this.#client.authorize(question);
  }

  /** Which of the things that the answer lists the agent could ask for. */
  async askListed(things: readonly ListedThing[]): Promise<boolean[]> {
    if (this.#question === undefined) return things.map(() => false);
    return askListed(this.#client, this.#question, things);
  }

  allow(grant: Grant): void {
    this.grant = grant;
    this.leaseEndsAt = leaseEndsAt(grant, this.#clock.now());
  }

  /** Asks again, and cuts the call when it is not allowed any more. */
  renew(cut: (reason: Reason) => void): void {
    // Without a grant the first answer is still on its way, under the present policy.
    if (this.#question === undefined || this.grant === undefined) return;
    this.leaseEndsAt = Number.POSITIVE_INFINITY;
    Promise.resolve(this.#client.authorize(this.#question))
      .then((answer) => {
        if (answer.kind === 'denial') cut(answer.reason);
        else this.allow(answer.grant);
      })
      .catch(() => cut('internal-error'));
  }
}

/** A grant for one call alone is asked about again like one with a short lease, while its stream lasts. */
const SINGLE_CALL_LEASE_MS = 30_000;

/** When a running call must be asked about again: at its lease's end, never after its grant's. */
export function leaseEndsAt(grant: Grant, now: number): number {
  const endsAt = now + (durationMs(grant.cacheLease) || SINGLE_CALL_LEASE_MS);
  return Math.min(endsAt, grant.notAfter?.getTime() ?? endsAt);
}
