import { z } from 'zod';
import { expression, line } from './fields.ts';

const timeOfDay = z.string().regex(/^(?:[01]\d|2[0-3]):[0-5]\d$|^24:00$/, 'use HH:MM, from 00:00 to 24:00');

const timeZone = line(64).refine(isTimeZone, { error: 'use a time zone of the IANA database, such as Europe/Berlin' });

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

const timeWindow = z
  .strictObject({
    type: z.literal('time-window'),
    timeZone: timeZone.default('UTC').describe('Time zone of the IANA database.'),
    days: z
      .array(z.enum(['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun']))
      .min(1)
      .max(7)
      .default(['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'])
      .describe('Days on which the window opens.'),
    from: timeOfDay.describe('First minute of the window.'),
    to: timeOfDay.describe('End of the window, exclusive. Earlier than `from`: the next day.'),
  })
  .refine((spec) => spec.from !== spec.to, { error: 'must differ from `from`', path: ['to'] })
  .describe('Holds at these times.');

const cel = z.strictObject({ type: z.literal('cel'), expression }).describe('Holds when a CEL expression is true.');

export const accessConditionSpec = z
  .discriminatedUnion('type', [timeWindow, cel])
  .describe('A runtime test beside identity.');

export type AccessConditionSpec = z.output<typeof accessConditionSpec>;
export type TimeWindowSpec = z.output<typeof timeWindow>;
