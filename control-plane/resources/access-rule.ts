import { z } from 'zod';
import { expression, line } from './fields.ts';
import { token } from './header-name.ts';

/** A list of globs: `*` is any text, `?` one character. */
function globs(about: string): z.ZodOptional<z.ZodArray<z.ZodString>> {
  return z.array(line(2048)).min(1).max(256).optional().describe(`${about} Globs: \`*\` is any text. Absent: all.`);
}

const values = z.array(line(2048)).min(1).max(64).describe('Globs, one of which must fit the value.');

const graphql = z
  .strictObject({
    types: z
      .array(z.enum(['query', 'mutation', 'subscription']))
      .min(1)
      .optional()
      .describe('Operation types. Absent: all.'),
    names: globs('Operation names; the agent chooses them.'),
    rootFields: globs(
      'Fields at the root, fragments included. To allow, all of them must be listed; to deny, one is enough.',
    ),
  })
  .describe('The one operation of a GraphQL request (docs/protocols/graphql.md).');

const grpc = z
  .strictObject({ services: globs('Full names of services.'), methods: globs('Names of methods.') })
  .describe('gRPC, Connect and gRPC-Web by their path (docs/protocols/grpc.md).');

const jsonRpc = z
  .strictObject({ methods: globs('Methods.') })
  .describe('One JSON-RPC 2.0 message; batches are refused.');

const mcp = z
  .strictObject({
    methods: globs('Methods, such as `tools/call`.'),
    tools: globs('Names of tools.'),
    resources: globs('URIs of resources.'),
    prompts: globs('Names of prompts.'),
  })
  .describe('One message of the Model Context Protocol (docs/protocols/mcp.md). An allowing rule needs `paths`.');

const a2a = z
  .strictObject({
    methods: globs('Methods by their names in A2A 0.3, such as `message/send`.'),
    skills: globs("Ids of skills that the request's metadata names."),
  })
  .describe('One request of the Agent2Agent protocol (docs/protocols/a2a.md).');

export const accessRule = z
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
      .describe(
        'Path patterns: `*` is one segment, `**` is any rest, `{name}` one segment that `when` and conditions read. Absent: all.',
      ),
    query: z.record(line(128), values).optional().describe('Query parameters that must be there, with their values.'),
    headers: z.record(token, values).optional().describe('Headers that must be there, once, with their values.'),
    contentTypes: globs('Media types, in any case.'),
    maxBodyBytes: z
      .int()
      .min(0)
      .max(2 ** 40)
      .optional()
      .describe('Longest body.'),
    graphql: graphql.optional(),
    grpc: grpc.optional(),
    jsonRpc: jsonRpc.optional(),
    mcp: mcp.optional(),
    a2a: a2a.optional(),
    when: expression.optional().describe('CEL expression over the request and what was read out of it.'),
  })
  .describe(
    'A call passes when everything given here fits it. What cannot be read does not fit what allows, and fits what denies.',
  );

export type AccessRule = z.output<typeof accessRule>;
