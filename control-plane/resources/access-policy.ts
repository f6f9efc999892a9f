import { z } from 'zod';
import { secretEndpointNames } from '../policy/rule-pack/names.ts';
import { accessRule } from './access-rule.ts';
import { resourceName } from './fields.ts';
import { editsSignedBody, injection, placeOf } from './injection.ts';

const credential = z.strictObject({
  provider: resourceName.describe('CredentialProvider that makes it.'),
  inject: injection.describe('How it goes into the request.'),
});

const failMode = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('closed') }).describe('Held grants end with their lease.'),
  z
    .strictObject({
      type: z.literal('stale'),
      maxAgeSeconds: z.int().min(1).max(86_400).describe('Seconds after the end of the lease.'),
    })
    .describe('Held grants may serve this long after their lease.'),
]);

export const accessPolicySpec = z
  .strictObject({
    effect: z.enum(['allow', 'deny']).default('allow').describe('What a match means.'),
    clientWorkload: z.union([z.literal('*'), resourceName]).describe('ClientWorkload, or `*` for all.'),
    serverWorkload: resourceName.describe('ServerWorkload.'),
    trust: z.array(resourceName).max(16).default([]).describe('TrustProviders whose evidence the session must have.'),
    conditions: z.array(resourceName).max(32).default([]).describe('AccessConditions that must all hold.'),
    rules: z.array(accessRule).min(1).max(256).optional().describe('Calls that the policy covers. Absent: all.'),
    credentials: z
      .array(credential)
      .max(8)
      .default([])
      .describe('What is injected: all of it, or the call is denied. None: the call goes out without a credential.'),
    opens: z
      .array(z.enum(secretEndpointNames))
      .max(64)
      .default([])
      .describe(
        'Endpoints that make or show secrets and may be called with the credential (docs/reference/rule-pack.md).',
      ),
    revealsSecrets: z
      .boolean()
      .default(false)
      .describe('The agent may see the secrets that opened endpoints answer. Else they are masked.'),
    leaseSeconds: z.int().min(0).max(3600).default(30).describe('How long the proxy may reuse the answer. 0: never.'),
    maxUses: z.int().min(1).max(1_000_000).optional().describe('Uses of one answer at most.'),
    failMode: failMode.default({ type: 'closed' }).describe('What held grants do while the control plane is away.'),
  })
  .refine((spec) => spec.effect === 'allow' || spec.credentials.length === 0, {
    error: 'a policy that denies has no credentials',
    path: ['credentials'],
  })
  .refine(({ credentials }) => new Set(credentials.map(({ inject }) => placeOf(inject))).size === credentials.length, {
    error: 'two credentials are for the same place',
    path: ['credentials'],
  })
  .refine(({ credentials }) => !editsSignedBody(credentials.map(({ inject }) => inject)), {
    error: 'a signature reads the body, so no credential can be put into it',
    path: ['credentials'],
  })
  .refine(
    (spec) => spec.effect === 'deny' || (spec.rules ?? []).every((rule) => !rule.mcp || rule.paths !== undefined),
    { error: 'a rule with mcp that allows names the path of the MCP endpoint in paths', path: ['rules'] },
  )
  .describe('Client workload x server workload -> trust, conditions, rules, credential. Nothing matches: denied.');

export type { AccessRule } from './access-rule.ts';
export type PolicyCredential = z.output<typeof credential>;
export type FailModeSpec = z.output<typeof failMode>;
export type AccessPolicySpec = z.output<typeof accessPolicySpec>;
