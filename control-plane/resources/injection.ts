import { z } from 'zod';
import { line } from './fields.ts';
import { headerName, token } from './header-name.ts';
import { readsBody, signing } from './signing-injection.ts';

/** RFC 6901; tokens name members of objects, so an array is not entered. */
const JSON_POINTER = /^(?:\/(?:[^~/\p{Cc}]|~[01])+){1,16}$/u;
const pointer = z.string().max(512).regex(JSON_POINTER, 'use a JSON Pointer to a member, such as /auth/key');

const segmentText = z
  .string()
  .max(64)
  .regex(/^[A-Za-z0-9\-._~!$&'()*+,;=:@]*$/, 'characters of a path segment only (RFC 3986 section 3.3)')
  .default('');

const placeholder = z
  .strictObject({
    type: z.literal('placeholder'),
    in: z.enum(['header', 'query', 'cookie', 'path', 'json', 'form']).describe('Where the agent puts its placeholder.'),
    name: line(512).optional().describe('Name of the header, parameter, cookie or field there; JSON Pointer in JSON.'),
    environment: z
      .string()
      .regex(/^[A-Za-z_][A-Za-z0-9_]{0,127}$/, 'use the name of a variable')
      .optional()
      .describe("Variable of the agent's environment that `sidekey run` fills with the placeholder."),
  })
  .superRefine((inject, context) => {
    const schema = PLACEHOLDER_NAMES[inject.in];
    const parsed = schema.safeParse(inject.name);
    if (parsed.success) return;
    const message = parsed.error.issues[0]?.message ?? 'not a name';
    context.addIssue({ code: 'custom', path: ['name'], message });
  })
  .describe('In place of a string that the agent holds instead of the credential.');

const PLACEHOLDER_NAMES = {
  header: headerName,
  query: line(128),
  cookie: token,
  path: z.undefined({ error: 'a path has no name' }),
  json: pointer,
  form: line(128),
} as const satisfies Record<string, z.ZodType>;

const atRequest = [
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
      name: headerName.describe('Name of the header, parameter, cookie or field.'),
      template: z
        .string()
        .max(256)
        .regex(/^[\x20-\x7e]*$/, 'visible ASCII only')
        .refine((text) => text.split(CREDENTIAL_MARK).length === 2, { error: 'have {{credential}} in it once' })
        .default('{{credential}}')
        .describe('Value of the header, with `{{credential}}` in it.'),
    })
    .describe('A header.'),
  z
    .strictObject({ type: z.literal('query'), name: line(128).describe('Name of the parameter.') })
    .describe('A query parameter.'),
  z
    .strictObject({ type: z.literal('cookie'), name: token.describe('Name of the cookie.') })
    .describe("A cookie (RFC 6265), beside the agent's others."),
  z
    .strictObject({
      type: z.literal('path-segment'),
      index: z.int().min(0).max(63).describe('Which segment of the path, from 0.'),
      prefix: segmentText.describe('Text in front of the credential, which the agent sends too.'),
      suffix: segmentText.describe('Text behind the credential, which the agent sends too.'),
    })
    .describe("In place of a segment of the path. Rules and records see the agent's own path."),
] as const;

const inBody = [
  z
    .strictObject({ type: z.literal('form-field'), name: line(128).describe('Name of the field.') })
    .describe('A field of an `application/x-www-form-urlencoded` body.'),
  z
    .strictObject({
      type: z.literal('json-field'),
      pointer: pointer.describe('JSON Pointer (RFC 6901) to a member of an object.'),
    })
    .describe('A member of an object in a JSON body.'),
] as const;

const others = [
  placeholder,
  z
    .strictObject({ type: z.literal('client-certificate') })
    .describe('A certificate that the proxy presents in TLS; the credential is its chain and PKCS #8 key in PEM.'),
  z
    .strictObject({
      type: z.literal('oauth-token'),
      path: z
        .string()
        .max(512)
        .regex(/^\/[^\p{Cc}\s?#\\]*$/u, 'start with "/", without spaces, "?" and "#"')
        .describe('Path of the token endpoint.'),
      expiresInSeconds: z.int().min(60).max(86_400).default(3600).describe('`expires_in` of the answer.'),
    })
    .describe("Answers the agent's token requests with a placeholder, without calling the token endpoint."),
] as const;

export const CREDENTIAL_MARK = '{{credential}}';

export const injection = z.discriminatedUnion('type', [...atRequest, ...inBody, ...others, ...signing]);

export type CredentialInjection = z.output<typeof injection>;

/** The place that an injection fills: two credentials of a policy cannot share one. */
export function placeOf(inject: CredentialInjection): string {
  switch (inject.type) {
    case 'bearer':
    case 'basic':
    case 'aws-sigv4':
    case 'dpop':
      return 'header:authorization';
    case 'header':
      return `header:${inject.name.toLowerCase()}`;
    case 'query':
    case 'cookie':
      return `${inject.type}:${inject.name}`;
    case 'path-segment':
      return `path:${inject.index}`;
    case 'form-field':
      return `form:${inject.name}`;
    case 'json-field':
      return `json:${inject.pointer}`;
    case 'placeholder':
      return `${inject.in}:${inject.in === 'header' ? inject.name?.toLowerCase() : (inject.name ?? '')}`;
    case 'client-certificate':
    case 'oauth-token':
    case 'hmac':
      return inject.type;
  }
}

/** True when one of these signs a body into which another puts its credential. */
export function editsSignedBody(injections: readonly CredentialInjection[]): boolean {
  const edits = injections.some(
    (inject) =>
      inject.type === 'form-field' ||
      inject.type === 'json-field' ||
      (inject.type === 'placeholder' && (inject.in === 'json' || inject.in === 'form')),
  );
  const signs = (inject: CredentialInjection): boolean =>
    (inject.type === 'aws-sigv4' || inject.type === 'hmac' || inject.type === 'dpop') && readsBody(inject);
  return edits && injections.some(signs);
}
