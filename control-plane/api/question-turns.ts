import { QUESTION_STEPS } from '../policy/budget.ts';

/** Of one tenant in one turn of the event loop: a tenth of what one question may take. */
const TURN_STEPS = QUESTION_STEPS / 10;

/** Lets the questions of others in between those of a tenant that take long. */
export class QuestionTurns {
  readonly #taken = new Map<string, number>();
  #next: Promise<void> | undefined;

  took(tenant: string, steps: number): void {
    if (steps > 0) this.#taken.set(tenant, (this.#taken.get(tenant) ?? 0) + steps);
  }

  /**
   * Whether the tenant has had its turn, beside what the question that asks took of it. Who has waited for `next` asks again:
   * others of the tenant may have come first.
   */
  mustWait(tenant: string, own = 0): boolean {
    return (this.#taken.get(tenant) ?? 0) - own >= TURN_STEPS;
  }

  next(): Promise<void> {
    this.#next ??= new Promise((resolve) => {
      setImmediate(() => {
        this.#next = undefined;
        this.#taken.clear();
        resolve();
      });
    });
    return this.#next;
  }
}
