import { SidekeyError } from '../../common/errors.ts';
import type { TimeWindowSpec } from '../resources/kinds.ts';

/** The time window's fields make no sense. */
export class TimeWindowError extends SidekeyError {}

const DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;
const TIME = /^([01]\d|2[0-3]):([0-5]\d)$|^(24):(00)$/;

/**
 * Compiles a time window into a test of a moment (milliseconds since the epoch). A window over midnight belongs to the day it
 * begins on; no days means every day. Throws TimeWindowError.
 */
export function compileTimeWindow(spec: TimeWindowSpec): (nowMs: number) => boolean {
  const from = parseMinutes(spec.from);
  const to = parseMinutes(spec.to);
  const days = new Set(spec.days.length === 0 ? [0, 1, 2, 3, 4, 5, 6] : spec.days.map(parseDay));
  const format = formatFor(spec.timeZone);
  return (nowMs) => {
    const { day, minute } = localTime(format, nowMs);
    if (from < to) return days.has(day) && minute >= from && minute < to;
    return (days.has(day) && minute >= from) || (days.has((day + 6) % 7) && minute < to);
  };
}

function parseMinutes(text: string): number {
  const match = TIME.exec(text);
  if (!match) throw new TimeWindowError('time-window-time', `"${text}" is not a time of day (HH:MM)`);
  return Number(match[1] ?? match[3]) * 60 + Number(match[2] ?? match[4]);
}

function parseDay(name: string): number {
  const day = DAYS.findIndex((known) => name.toLowerCase().slice(0, 3) === known);
  if (day < 0)
    throw new TimeWindowError('time-window-day', `"${name}" is not a day (mon, tue, wed, thu, fri, sat, sun)`);
  return day;
}

function formatFor(timeZone: string): Intl.DateTimeFormat {
  try {
    return new Intl.DateTimeFormat('en-US', {
      timeZone,
      weekday: 'short',
      hour: '2-digit',
      minute: '2-digit',
      hourCycle: 'h23',
    });
  } catch (error) {
    throw new TimeWindowError('time-window-zone', `"${timeZone}" is not a time zone`, { cause: error });
  }
}

function localTime(format: Intl.DateTimeFormat, nowMs: number): { day: number; minute: number } {
  const parts = new Map(format.formatToParts(nowMs).map((part) => [part.type, part.value]));
  return {
    day: parseDay(parts.get('weekday') ?? ''),
    minute: Number(parts.get('hour')) * 60 + Number(parts.get('minute')),
  };
}
