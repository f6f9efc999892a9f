import { QUESTION_STEPS } from '../../policy/budget.ts';

/** Of one tenant in one turn of the event loop: a tenth of what one question may take. */
const TURN_STEPS = QUESTION_STEPS / 10;

/** Lets the questions of others in between those of a tenant that take long. */
export class QuestionTurns {
  readonly #taken = new Map<string, number>();
  readonly #waiting = new Map<string, (() => void)[]>();
  #isTurnSet = false;

  took(tenant: string, steps: number): void {
    if (steps > 0) this.#taken.set(tenant, (this.#taken.get(tenant) ?? 0) + steps);
    if (!this.mustWait(tenant)) this.#wake(tenant);
  }

  /**
   * Whether the tenant has had its turn, beside what the question that asks took of it. Who has waited for `next` asks again:
   * others of the tenant may have come first.
   */
  mustWait(tenant: string, own = 0): boolean {
    return (this.#taken.get(tenant) ?? 0) - own >= TURN_STEPS;
  }

  /** In a later turn, one question of the tenant after the other. */
  next(tenant: string): Promise<void> {
    return new Promise((resolve) => {
      const waiting = this.#waiting.get(tenant) ?? [];
      waiting.push(resolve);
      this.#waiting.set(tenant, waiting);
      this.#setTurn();
    });
  }

  #setTurn(): void {
    if (this.#isTurnSet) return;
    this.#isTurnSet = true;
    setImmediate(() => {
      this.#isTurnSet = false;
      this.#taken.clear();
      for (const tenant of [...this.#waiting.keys()]) this.#wake(tenant);
      if (this.#waiting.size > 0) this.#setTurn();
    });
  }

  #wake(tenant: string): void {
    const waiting = this.#waiting.get(tenant);
    waiting?.shift()?.();
    if (waiting?.length === 0) this.#waiting.delete(tenant);
  }
}
