import type { TimeWindowSpec } from '../resources/kinds.ts';

const DAYS: readonly string[] = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'];

/**
 * Compiles a time window into a test of a moment (milliseconds since the epoch). A window over midnight belongs to the day it
 * begins on.
 */
export function compileTimeWindow(spec: TimeWindowSpec): (nowMs: number) => boolean {
  const from = minutesOf(spec.from);
  const to = minutesOf(spec.to);
  const days = new Set(spec.days.map((day) => DAYS.indexOf(day)));
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone: spec.timeZone,
    weekday: 'short',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  });
  return (nowMs) => {
    const { day, minute } = localTime(format, nowMs);
    if (from < to) return days.has(day) && minute >= from && minute < to;
    return (days.has(day) && minute >= from) || (days.has((day + 6) % 7) && minute < to);
  };
}

/** `HH:MM`, as the resource's definition has checked. */
function minutesOf(time: string): number {
  return Number(time.slice(0, 2)) * 60 + Number(time.slice(3));
}

function localTime(format: Intl.DateTimeFormat, nowMs: number): { day: number; minute: number } {
  const parts = new Map(format.formatToParts(nowMs).map((part) => [part.type, part.value]));
  return {
    day: DAYS.indexOf(parts.get('weekday')?.toLowerCase() ?? ''),
    minute: Number(parts.get('hour')) * 60 + Number(parts.get('minute')),
  };
}
