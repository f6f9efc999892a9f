import { z } from 'zod';
import { line } from './fields.ts';

export const tenantSpec = z
  .strictObject({
    displayName: line(200).optional().describe('Name for people.'),
    owner: line(200).optional().describe('Person or team that answers for the tenant.'),
  })
  .describe('The hard isolation boundary of everything else.');

export type TenantSpec = z.output<typeof tenantSpec>;
