import { z } from 'zod';
import { parseHostPattern } from '../../common/match/host-pattern.ts';

export const RESOURCE_NAME = /^[a-z0-9](?:[a-z0-9.-]{0,61}[a-z0-9])?$/;

/** Names of resources: lower-case DNS labels, so that they are safe in files, URLs, logs and headers. */
export const resourceName = z
  .string()
  .regex(RESOURCE_NAME, 'use 1 to 63 of a-z, 0-9, "-" and ".", starting and ending with a letter or digit')
  .describe('Name of a resource: 1 to 63 of a-z, 0-9, "-" and ".".');

/** One line of text, of at most `max` characters. */
export function line(max: number): z.ZodString {
  return z
    .string()
    .min(1)
    .max(max)
    .regex(/^[^\p{Cc}]*$/u, 'control characters are not allowed');
}

const LABEL = '[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?';
const HOST_PATTERN = new RegExp(`^(?:\\*\\.)?${LABEL}(?:\\.${LABEL})*$`);
const IP_LITERAL = /^(?:[0-9.]+|[0-9a-f:.]*:[0-9a-f:.]*)$/;

/** What the proxy can match: no name that URL parsers would read as an address (a last label of digits), no broken address. */
function isHostPattern(text: string): boolean {
  if (!IP_LITERAL.test(text) && (!HOST_PATTERN.test(text) || /^\*\.[^.]*$/.test(text))) return false;
  try {
    parseHostPattern(text);
    return true;
  } catch {
    return false;
  }
}

/** A canonical host, or `*.` and a domain, which stands for one or more labels. */
export const hostPattern = z
  .string()
  .max(253)
  .refine(isHostPattern, {
    error: 'use a lower-case host name (A-labels), an IP address, or "*." and a domain of two or more labels',
  })
  .describe(
    'Host name in lower case (internationalised names as A-labels), IP address, or `*.example.com` for all names below a domain.',
  );

export const cidr = z
  .string()
  .max(64)
  .regex(/^[0-9a-fA-F:.]+(?:\/\d{1,3})?$/, 'use an address or a CIDR block such as 10.0.0.0/8')
  .describe('CIDR block, or one address. Metadata addresses count only when named exactly (/32 or /128).');

export const httpsUrl = z
  .string()
  .max(2048)
  .refine((text) => isUrl(text, 'https:'), { error: 'use an https:// URL without user, password or fragment' });

/** An issuer: https, or http on loopback only (embedded set-ups and tests). */
export const issuerUrl = z
  .string()
  .max(2048)
  .refine((text) => isUrl(text, 'https:') || isLoopbackUrl(text), {
    error: 'use an https:// URL without user, password or fragment',
  });

function isUrl(text: string, scheme: string): boolean {
  if (!URL.canParse(text)) return false;
  const url = new URL(text);
  return url.protocol === scheme && url.username === '' && url.password === '' && url.hash === '';
}

function isLoopbackUrl(text: string): boolean {
  return isUrl(text, 'http:') && ['localhost', '127.0.0.1', '[::1]'].includes(new URL(text).hostname);
}

export const pem = z
  .string()
  .max(65_536)
  .regex(/^\s*-----BEGIN CERTIFICATE-----[\s\S]+-----END CERTIFICATE-----\s*$/, 'use one or more certificates in PEM')
  // Some readers of PEM take X509 CERTIFICATE and TRUSTED CERTIFICATE too, others pass over them.
  .regex(/^(?:(?!-----BEGIN (?!CERTIFICATE-----))[\s\S])*$/, 'use no other blocks than CERTIFICATE')
  .describe('Certificates in PEM.');

export const expression = z
  .string()
  .min(1)
  .max(4096)
  .describe('CEL expression over agent, user, request, tenant and now.');

/** Where a secret comes from. All but `value` and `sealed` are resolved by the CLI, before anything is sent. */
export const secretSource = z
  .union(
    [
      z.strictObject({ fromFile: line(4096).describe('Path of a file, relative to the document.') }),
      z.strictObject({ fromEnv: line(256).describe("Name of a variable in the CLI's environment.") }),
      z.strictObject({ fromStdin: z.literal(true).describe('Read from standard input.') }),
      z.strictObject({
        value: z.string().min(1).max(65_536).describe('The value itself; keep such documents out of git.'),
      }),
      z.strictObject({
        sealed: z
          .literal(true)
          .describe('Shown in place of a stored value. Applying it keeps the value that is stored.'),
      }),
    ],
    { error: 'give one of fromFile, fromEnv, fromStdin or value, as { fromEnv: NAME }' },
  )
  .describe('Where the secret comes from. Write-only: it is sealed at rest and never returned.');

export type SecretSource = z.output<typeof secretSource>;
