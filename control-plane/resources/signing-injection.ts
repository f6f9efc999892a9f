import { z } from 'zod';
import { type HmacVariable, mentions, parseTemplate } from '../../common/hmac-template.ts';
import { headerName } from './header-name.ts';

const region = z.string().regex(/^(?:\*|[a-z0-9-]{1,64})$/, 'use the name of a region, such as eu-central-1');

const awsSigV4 = z
  .strictObject({
    type: z.literal('aws-sigv4'),
    service: z
      .string()
      .regex(/^[a-z0-9-]{1,64}$/, 'use the signing name of a service, such as s3')
      .describe("Service that the agent's signature must be for."),
    regions: z
      .array(region)
      .min(1)
      .max(64)
      .describe('Regions that it may be for; the first serves a request without a signature.'),
    algorithm: z.enum(['sigv4', 'sigv4a']).default('sigv4').describe('How to sign; sigv4a allows the region `*`.'),
  })
  .refine(({ regions, algorithm }) => algorithm === 'sigv4a' || !regions.includes('*'), {
    error: 'name the regions; * is for sigv4a only',
    path: ['regions'],
  })
  .describe(
    'AWS Signature Version 4 or 4a. The credential is JSON: `{"accessKeyId": ..., "secretAccessKey": ..., "sessionToken": ...}`, the last if there is one.',
  );

const template = z
  .string()
  .min(1)
  .max(1024)
  .superRefine((text, context) => {
    const parsed = parseTemplate(text);
    if (typeof parsed === 'string') context.addIssue({ code: 'custom', message: parsed });
  });

function names(text: string, ...variables: readonly HmacVariable[]): boolean {
  const parsed = parseTemplate(text);
  return typeof parsed !== 'string' && mentions(parsed, ...variables);
}

/** Headers that the signed text reads, lower case. */
function headersRead(text: string): string[] {
  const parsed = parseTemplate(text);
  return typeof parsed === 'string' ? [] : parsed.flatMap((part) => (part.kind === 'header' ? [part.name] : []));
}

const hmac = z
  .strictObject({
    type: z.literal('hmac'),
    hash: z.enum(['sha1', 'sha256', 'sha512']).default('sha256').describe('Hash of the HMAC (RFC 2104).'),
    encoding: z.enum(['hex', 'base64', 'base64url']).default('hex').describe('Form of `{{signature}}`.'),
    keyEncoding: z.enum(['utf8', 'hex', 'base64']).default('utf8').describe('How the credential spells the key.'),
    timestamp: z.enum(['seconds', 'milliseconds', 'iso8601']).default('seconds').describe('Form of `{{timestamp}}`.'),
    signed: template.describe('What is signed; a template, such as `{{timestamp}}.{{body}}`.'),
    headers: z
      .array(
        z.strictObject({ name: headerName.describe('Name of the header.'), value: template.describe('A template.') }),
      )
      .min(1)
      .max(8)
      .describe('Headers to set; one at least holds `{{signature}}`.'),
  })
  .refine(({ signed }) => !names(signed, 'signature'), { error: 'a signature cannot sign itself', path: ['signed'] })
  .refine(({ headers }) => headers.some(({ value }) => names(value, 'signature')), {
    error: 'no header holds {{signature}}',
    path: ['headers'],
  })
  .refine(({ headers }) => new Set(headers.map(({ name }) => name.toLowerCase())).size === headers.length, {
    error: 'two headers have one name',
    path: ['headers'],
  })
  .refine(({ headers }) => !headers.some(({ value }) => names(value, 'body')), {
    error: 'a header cannot hold {{body}}',
    path: ['headers'],
  })
  .refine(({ signed, headers }) => !headers.some(({ name }) => headersRead(signed).includes(name.toLowerCase())), {
    error: 'what is signed reads a header that is set only afterwards',
    path: ['signed'],
  })
  .describe('An HMAC over a text of a template. The credential is the key, which never leaves the proxy.');

const dpop = z
  .strictObject({ type: z.literal('dpop') })
  .describe(
    '`Authorization: DPoP` and a proof for each request (RFC 9449). The credential is JSON: `{"accessToken": ..., "privateKey": ...}`, the key P-256, in PKCS #8 PEM or as a JWK.',
  );

/** Injections that sign the request as it leaves. */
export const signing = [awsSigV4, hmac, dpop] as const;

export type SigningInjection = z.output<(typeof signing)[number]>;

/** True when the signature reads the body as the agent sent it, so that nothing may be put into it. */
export function readsBody(inject: SigningInjection): boolean {
  if (inject.type !== 'hmac') return inject.type === 'aws-sigv4';
  return [inject.signed, ...inject.headers.map(({ value }) => value)].some((text) => names(text, 'body', 'bodySha256'));
}
