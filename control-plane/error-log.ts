import { BoundedCache } from '../common/bounded-cache.ts';
import { describeError } from '../common/errors.ts';
import { faultOf } from '../common/fault.ts';

interface Told {
  /** On the log's clock. */
  readonly quietUntil: number;
  repeated: number;
}

const QUIET_MS = 10_000;
const MAX_TEXTS = 1_000;

/**
 * One JSON line for an unforeseen error, and for the same one again at most every ten seconds: a token endpoint that fails a
 * busy agent, or a database that is away, must not fill the log. `repeated` is how many like it came since its last line. Of a
 * bug, which the language itself tells of, `at` says where.
 */
export function createErrorLog(write: (line: string) => void, nowMs: () => number): (error: unknown) => void {
  const told = new BoundedCache<string, Told>(MAX_TEXTS);
  return (error) => {
    const text = describeError(error);
    const now = nowMs();
    const before = told.get(text);
    if (before !== undefined && now < before.quietUntil) {
      before.repeated += 1;
      return;
    }
    told.set(text, { quietUntil: now + QUIET_MS, repeated: 0 });
    const line = {
      level: 'error',
      time: new Date().toISOString(),
      msg: 'control plane error',
      error: text,
      ...(isBug(error) ? { at: faultOf(error).at } : {}),
      ...(before === undefined || before.repeated === 0 ? {} : { repeated: before.repeated }),
    };
    write(`${JSON.stringify(line)}\n`);
  };
}

function isBug(error: unknown): boolean {
  return error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError;
}
