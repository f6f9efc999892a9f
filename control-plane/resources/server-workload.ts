import { z } from 'zod';
import type { PathForms } from '../../common/match/path.ts';
import { secretEndpointProviders } from '../policy/rule-pack/names.ts';
import { cidr, hostPattern, pem } from './fields.ts';

export const serverTls = z.strictObject({
  mode: z
    .enum(['verify', 'plaintext'])
    .default('verify')
    .describe('`plaintext` lets credentials travel over cleartext HTTP to this server.'),
  ca: pem.optional().describe("Authorities for this server, beside the system's."),
  serverName: hostPattern
    .refine((name) => !name.startsWith('*'), { error: 'a wildcard is not a server name' })
    .optional()
    .describe("Verify the certificate for this name instead of the destination's host."),
});

export const serverPorts = z.array(z.int().min(1).max(65_535)).min(1).max(64).default([443]);

const keep = z.enum(['refuse', 'keep']).default('refuse');

const paths = z.strictObject({
  encodedSlash: keep.describe(
    '`%2F` within a segment, as in `group%2Fproject`; rules see it as a byte of its segment.',
  ),
  emptySegments: keep.describe('`//` past the start of the path.'),
  parameters: keep.describe('`;` and `%3B`.'),
});

export const serverWorkloadSpec = z
  .strictObject({
    hosts: z.array(hostPattern).min(1).max(256).describe('Hosts of the server.'),
    ports: serverPorts.describe('Ports of the server.'),
    protocol: z
      .enum(['http', 'h2c'])
      .default('http')
      .describe(
        'What the server speaks without TLS: HTTP/1.1, or with `h2c` HTTP/2 by prior knowledge, as gRPC servers without TLS do. Over TLS the server chooses.',
      ),
    tls: serverTls.prefault({}).describe('How the server is verified.'),
    paths: paths
      .prefault({})
      .describe('Spellings of a path that are refused as ambiguous, unless this server is known to tell them apart.'),
    inspectBytes: z
      .int()
      .min(0)
      .max(8_388_608)
      .default(1_048_576)
      .describe('Longest request body that rules read. A rule that reads the body denies longer ones.'),
    provider: z
      .enum(secretEndpointProviders)
      .optional()
      .describe('What is served here, where the host does not tell: its endpoints for secrets are denied too.'),
    allowedAddresses: z
      .array(cidr)
      .max(64)
      .default([])
      .describe('Private or otherwise refused addresses that this server may resolve to.'),
  })
  .refine(({ protocol, tls: { mode } }) => protocol !== 'h2c' || mode === 'plaintext', {
    path: ['protocol'],
    error: 'h2c is HTTP/2 without TLS: it needs `tls.mode: plaintext`',
  })
  .describe('A thing that agents call.');

/** The forms of paths that a server workload lets through. */
export function pathFormsOf({ paths: forms }: Pick<ServerWorkloadSpec, 'paths'>): PathForms {
  return {
    encodedSlash: forms.encodedSlash === 'keep',
    emptySegments: forms.emptySegments === 'keep',
    parameters: forms.parameters === 'keep',
  };
}

export type ServerWorkloadSpec = z.output<typeof serverWorkloadSpec>;
