import type { Clock } from '../../common/clock.ts';

/**
 * One turn of the event loop, in order: sockets are read, what they said is worked on, what there is to say is written.
 * So done, one kind of work after the other for all connections that have some, a call costs a third less than when
 * each read is followed up to its write (docs/performance.md).
 * Nothing waits longer for it: the turn ends before the loop sleeps. Of what was read a turn does only so much, and then looks
 * what else there is: Node accepts one connection a turn, however many there are that want in.
 */

/** With so many bytes nothing waits for the end of the turn, and nothing is copied to be one write with others. */
export const AT_ONCE_BYTES = 16_384;
/**
 * So much a socket holds before its writer is told to wait: two reads, so that one read is never cut short and kept for later, which
 * costs a copy and two calls to the kernel.
 */
export const SOCKET_BYTES = 131_072;
/** What was read by more has the next turns, in the order asked for. */
const READS_A_TURN = 32;

const reading: TurnWork[] = [];
const writing: TurnWork[] = [];
let scheduled = false;
/** While a turn's work is done: the time when that began. */
let begun: { readonly wallMs: number; readonly monotonicMs: number } | undefined;

/**
 * For what is not that exact, such as deadlines and dates: for all of a turn's work it is now. To ask the system costs some sixty
 * nanoseconds, and a call asked seventeen times.
 */
export const turnClock: Clock = { now: () => begun?.wallMs ?? Date.now() };

/** The same by a clock that nobody sets. */
export function turnMonotonicMs(): number {
  return begun?.monotonicMs ?? performance.now();
}

/**
 * Work of one connection at the end of a turn: done once, however often it was asked for. Who has more to do than one call asks
 * again, to stand behind those who wait. It contains its own faults.
 */
export class TurnWork {
  readonly #kind: TurnWork[];
  readonly #work: () => void;
  #asked = false;

  /** All that reads comes before all that writes. */
  constructor(kind: 'read' | 'write', work: () => void) {
    this.#kind = kind === 'read' ? reading : writing;
    this.#work = work;
  }

  /** It is done at the end of this turn, or of one of the next when many wait. */
  ask(): void {
    if (this.#asked) return;
    this.#asked = true;
    this.#kind.push(this);
    if (scheduled) return;
    scheduled = true;
    setImmediate(endTurn);
  }

  /** Does what was asked for without waiting, if anything was. */
  doNow(): void {
    if (!this.#asked) return;
    this.#asked = false;
    this.#work();
  }
}

function endTurn(): void {
  begun = { wallMs: Date.now(), monotonicMs: performance.now() };
  let done = 0;
  for (const work of reading) {
    if (done === READS_A_TURN) break;
    done += 1;
    doOne(work);
  }
  reading.splice(0, done);
  const written = writing.splice(0);
  scheduled = reading.length > 0;
  if (scheduled) setImmediate(endTurn);
  for (const work of written) doOne(work);
  begun = undefined;
}

function doOne(work: TurnWork): void {
  try {
    work.doNow();
  } catch (error) {
    // The process is told of it, but the other connections' work is done.
    setImmediate(() => {
      throw error;
    });
  }
}
