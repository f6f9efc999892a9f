import { z } from 'zod';
import { line } from './fields.ts';

export const tenantSpec = z
  .strictObject({
    displayName: line(200).optional().describe('Name for people.'),
    owner: line(200).optional().describe('Person or team that answers for the tenant.'),
    maxResources: z
      .int()
      .min(1)
      .max(100_000)
      .default(5_000)
      .describe(
        'Resources that the tenant may hold, of 4,096 characters and 20 hosts each in the mean. With each change all are read: the other tenants wait meanwhile.',
      ),
  })
  .describe('The hard isolation boundary of everything else.');

export type TenantSpec = z.output<typeof tenantSpec>;
