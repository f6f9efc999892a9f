import { describe, expect, it } from 'vitest';
import { compileTimeWindow } from '../../../../control-plane/conditions/time-window.ts';

const at = (iso: string): number => Date.parse(iso);

describe('compileTimeWindow', () => {
  it.each([
    // 2026-11-23 is a Monday.
    ['the first minute', 'UTC', ['mon'], '09:00', '17:00', '2026-11-23T09:00:00Z', true],
    ['before it', 'UTC', ['mon'], '09:00', '17:00', '2026-11-23T08:59:59Z', false],
    ['the end is outside', 'UTC', ['mon'], '09:00', '17:00', '2026-11-23T17:00:00Z', false],
    ['the last minute', 'UTC', ['mon'], '09:15', '17:45', '2026-11-23T17:44:59Z', true],
    ['a minute before', 'UTC', ['mon'], '09:15', '17:45', '2026-11-23T09:14:59Z', false],
    ['the very minute', 'UTC', ['mon'], '09:15', '17:45', '2026-11-23T09:15:00Z', true],
    ['a minute behind', 'UTC', ['mon'], '09:15', '17:45', '2026-11-23T17:45:00Z', false],
    ['another day', 'UTC', ['mon'], '09:00', '17:00', '2026-11-24T10:00:00Z', false],
    ['24:00', 'UTC', ['mon'], '00:00', '24:00', '2026-11-23T23:59:59Z', true],
    ['over midnight, its first minute', 'UTC', ['mon'], '22:00', '06:00', '2026-11-23T22:00:00Z', true],
    ['over midnight, before it', 'UTC', ['mon'], '22:00', '06:00', '2026-11-23T21:59:00Z', false],
    ['over midnight, its end', 'UTC', ['mon'], '22:00', '06:00', '2026-11-24T06:00:00Z', false],
    ['over midnight, the next evening', 'UTC', ['mon'], '22:00', '06:00', '2026-11-24T23:00:00Z', false],
    ['over midnight, the evening', 'UTC', ['mon'], '22:00', '06:00', '2026-11-23T23:00:00Z', true],
    ['over midnight, the morning after', 'UTC', ['mon'], '22:00', '06:00', '2026-11-24T05:59:00Z', true],
    ['over midnight, the morning before', 'UTC', ['mon'], '22:00', '06:00', '2026-11-23T05:00:00Z', false],
    ['from Sunday into Monday', 'UTC', ['sun'], '22:00', '06:00', '2026-11-23T05:00:00Z', true],
    ['a time zone ahead', 'Asia/Tokyo', ['tue'], '00:00', '01:00', '2026-11-23T15:30:00Z', true],
    ['a time zone behind', 'America/New_York', ['mon'], '23:00', '24:00', '2026-11-24T04:30:00Z', true],
    ['winter time', 'Europe/Berlin', ['mon'], '09:00', '10:00', '2026-11-23T08:00:00Z', true],
    ['summer time', 'Europe/Berlin', ['mon'], '09:00', '10:00', '2026-07-20T07:00:00Z', true],
  ] as const)('%s', (_title, timeZone, days, from, to, moment, expected) => {
    expect(compileTimeWindow({ type: 'time-window', timeZone, days: [...days], from, to })(at(moment))).toBe(expected);
  });
});
