import type { Duration } from '../proto/gen/google/protobuf/duration.ts';

/** Milliseconds of a duration from the wire; absent, negative or senseless ones are 0, which holds nothing open. */
export function durationMs(duration: Duration | undefined): number {
  if (duration === undefined) return 0;
  const ms = duration.seconds * 1_000 + duration.nanos / 1_000_000;
  return Number.isFinite(ms) && ms > 0 ? ms : 0;
}
