import { z } from 'zod';
import { expression, line } from './fields.ts';

const claim = line(256).describe('Path of a verified claim, such as `kubernetes.namespace`.');
const value = z.string().max(1024);

const selector = z
  .union(
    [
      z.strictObject({ claim, equals: value.describe('The claim is exactly this.') }),
      z.strictObject({ claim, prefix: value.min(1).describe('The claim starts with this.') }),
      z.strictObject({
        claim,
        glob: value.min(1).describe('The claim matches: `*` is any text, also with "/"; `?` is one character.'),
      }),
      z.strictObject({ claim, in: z.array(value).min(1).max(256).describe('The claim is one of these.') }),
    ],
    { error: 'give a claim and one of equals, prefix, glob or in, as text (quote numbers)' },
  )
  .describe('A test of one claim. A claim with several values passes when one of them does.');

const selectors = z
  .strictObject({
    all: z.array(selector).min(1).max(64).optional().describe('All of these must pass.'),
    any: z.array(selector).min(1).max(64).optional().describe('One of these must pass.'),
  })
  .refine((spec) => spec.all !== undefined || spec.any !== undefined, { error: 'give all, any or both' });

export const clientWorkloadSpec = z
  .strictObject({
    owner: line(200).optional().describe('Person or team that answers for the agent.'),
    selectors: selectors.describe('Claims that make a session this workload.'),
    condition: expression.optional().describe('CEL expression over `agent` that must hold too.'),
  })
  .describe('The agent as policy sees it: selectors over attested claims.');

export type Selector = z.output<typeof selector>;
export type Selectors = z.output<typeof selectors>;
export type ClientWorkloadSpec = z.output<typeof clientWorkloadSpec>;
