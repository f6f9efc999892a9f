import { z } from 'zod';
import { hostPattern, resourceName } from './fields.ts';
import { injection } from './injection.ts';
import { serverPorts, serverTls } from './server-workload.ts';

const names = z.array(resourceName).min(1).max(64);

/** What a secret is sealed for: whoever changes any of it gives the secret again. */
export const boundTo = z
  .strictObject({
    hosts: z.array(hostPattern).min(1).max(256).describe('Hosts that the credential may go to.'),
    ports: serverPorts.describe('Ports of these hosts.'),
    tls: serverTls.prefault({}).describe('As `tls` of a ServerWorkload: how the server must be verified at the least.'),
    inject: z
      .array(injection)
      .min(1)
      .max(16)
      .describe('As `credentials[].inject` of an AccessPolicy: the places that it may go into.'),
    agents: z
      .strictObject({
        trust: names.describe('TrustProviders whose evidence the session must have, all of them.'),
        clientWorkloads: names.describe('ClientWorkloads that policies may lend it to.'),
      })
      .optional()
      .describe(
        'Who may get it. What these resources say when the secret is given is sealed with it. Absent: anybody.',
      ),
  })
  .optional()
  .describe(
    'The only use that may be made of the credential. It is sealed with the secret: to change it, give the secret again. Absent: policy alone says.',
  );

export type BoundTo = NonNullable<z.output<typeof boundTo>>;
