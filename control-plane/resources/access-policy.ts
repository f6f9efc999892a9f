import { z } from 'zod';
import { line, resourceName } from './fields.ts';

const token = z.string().regex(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,128}$/, 'use a token (RFC 9110 section 5.6.2)');

/** Headers that carry framing, routing or identity of the hop; a credential in them would be refused by the proxy. */
const RESERVED_HEADERS = new Set([
  'host',
  'content-length',
  'transfer-encoding',
  'connection',
  'keep-alive',
  'te',
  'trailer',
  'upgrade',
  'expect',
  'proxy-authorization',
  'proxy-connection',
]);

const rule = z
  .strictObject({
    methods: z.array(token.max(32)).min(1).max(32).optional().describe('Methods, exactly as sent. Absent: all.'),
    paths: z
      .array(
        z
          .string()
          .max(2048)
          .regex(/^\/[^\p{Cc}\s?#\\]*$/u, 'start with "/", without spaces, "?" and "#"'),
      )
      .min(1)
      .max(256)
      .optional()
      .describe('Path patterns: `*` is one segment, `**` is any rest. Absent: all.'),
  })
  .describe('A call passes when its method and its path are both listed.');

const inject = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('bearer') }).describe('`Authorization: Bearer` (RFC 6750).'),
  z
    .strictObject({
      type: z.literal('basic'),
      username: line(255)
        .regex(/^[^:]*$/, 'no ":"')
        .describe('User name; the credential is the password.'),
    })
    .describe('`Authorization: Basic` (RFC 7617).'),
  z
    .strictObject({
      type: z.literal('header'),
      name: token
        .refine((name) => !RESERVED_HEADERS.has(name.toLowerCase()), {
          error: 'this header may not carry a credential',
        })
        .describe('Name of the header or the query parameter.'),
      prefix: z
        .string()
        .max(128)
        .regex(/^[\x20-\x7e]*$/, 'visible ASCII only')
        .default('')
        .describe('Text before the value.'),
    })
    .describe('A header.'),
  z
    .strictObject({ type: z.literal('query'), name: line(128).describe('Name of the parameter.') })
    .describe('A query parameter.'),
]);

const credential = z.strictObject({
  provider: resourceName.describe('CredentialProvider that makes it.'),
  inject: inject.describe('How it goes into the request.'),
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
    rules: z.array(rule).min(1).max(256).optional().describe('Calls that the policy covers. Absent: all.'),
    credential: credential.optional().describe('What is injected. Absent: the call goes out without a credential.'),
    leaseSeconds: z.int().min(0).max(3600).default(30).describe('How long the proxy may reuse the answer. 0: never.'),
    maxUses: z.int().min(1).max(1_000_000).optional().describe('Uses of one answer at most.'),
    failMode: failMode.default({ type: 'closed' }).describe('What held grants do while the control plane is away.'),
  })
  .refine((spec) => spec.effect === 'allow' || spec.credential === undefined, {
    error: 'a policy that denies has no credential',
    path: ['credential'],
  })
  .describe('Client workload x server workload -> trust, conditions, rules, credential. Nothing matches: denied.');

export type AccessRule = z.output<typeof rule>;
export type CredentialInjection = z.output<typeof inject>;
export type FailModeSpec = z.output<typeof failMode>;
export type AccessPolicySpec = z.output<typeof accessPolicySpec>;
