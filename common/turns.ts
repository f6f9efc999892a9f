interface Waiting {
  readonly parties: readonly string[];
  readonly begin: () => void;
  readonly refuse: () => void;
}

/** How many may wait, and what the others are told. */
export interface WaitingRoom {
  readonly maxWaiting: number;
  readonly refusal: () => Error;
}

/**
 * Lets so many run at once; the others wait. A turn goes to whose parties have the fewest at work, so that one with many tasks,
 * or with slow ones, leaves turns to the others; among equals to who came first. Without a room, who waits is the caller's to
 * bound.
 */
export class Turns {
  readonly #room: WaitingRoom | undefined;
  readonly #waiting = new Set<Waiting>();
  readonly #running = new Map<string, number>();
  #free: number;

  constructor(max: number, room?: WaitingRoom) {
    this.#free = max;
    this.#room = room;
  }

  /** @param parties on whose behalf the task runs. Throws the room's refusal, and what the task throws. */
  async run<T>(parties: readonly string[], task: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#begin(parties);
    else await this.#wait(parties);
    try {
      return await task();
    } finally {
      this.#end(parties);
    }
  }

  #begin(parties: readonly string[]): void {
    this.#free -= 1;
    for (const party of parties) this.#running.set(party, (this.#running.get(party) ?? 0) + 1);
  }

  #end(parties: readonly string[]): void {
    this.#free += 1;
    for (const party of parties) {
      const left = (this.#running.get(party) ?? 0) - 1;
      if (left > 0) this.#running.set(party, left);
      else this.#running.delete(party);
    }
    const next = this.#lightest();
    if (next === undefined) return;
    this.#waiting.delete(next);
    this.#begin(next.parties);
    next.begin();
  }

  #wait(parties: readonly string[]): Promise<void> {
    return new Promise((resolve, reject) => {
      const room = this.#room;
      this.#waiting.add({ parties, begin: resolve, refuse: () => reject(room?.refusal()) });
      if (room === undefined || this.#waiting.size <= room.maxWaiting) return;
      const leaves = this.#heaviest();
      if (leaves === undefined) return;
      this.#waiting.delete(leaves);
      leaves.refuse();
    });
  }

  #lightest(): Waiting | undefined {
    let best: Waiting | undefined;
    let fewest = Number.POSITIVE_INFINITY;
    for (const waiting of this.#waiting) {
      const running = sumOf(this.#running, waiting.parties);
      if (running >= fewest) continue;
      best = waiting;
      fewest = running;
      if (running === 0) break;
    }
    return best;
  }

  /** The one whose parties have the most waiting; the last that came among equals. */
  #heaviest(): Waiting | undefined {
    const counts = new Map<string, number>();
    for (const { parties } of this.#waiting) {
      for (const party of parties) counts.set(party, (counts.get(party) ?? 0) + 1);
    }
    let worst: Waiting | undefined;
    let most = 0;
    for (const waiting of this.#waiting) {
      const load = sumOf(counts, waiting.parties);
      if (load < most) continue;
      worst = waiting;
      most = load;
    }
    return worst;
  }
}

function sumOf(counts: ReadonlyMap<string, number>, parties: readonly string[]): number {
  let sum = 0;
  for (const party of parties) sum += counts.get(party) ?? 0;
  return sum;
}
