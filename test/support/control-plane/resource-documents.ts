import { randomUUID } from 'node:crypto';
import { expect } from 'vitest';
import type { Resource } from '../../../control-plane/resources/kinds.ts';
import type { ResourceStore } from '../../../control-plane/resources/resource-store.ts';
import { parseDocuments } from '../../../control-plane/resources/parse-documents.ts';

/** What the YAML says, without an error. */
export function documents(text: string): Resource[] {
  const parsed = parseDocuments(text, 'test.yaml');
  expect(parsed.errors).toEqual([]);
  return parsed.resources.map((found) => found.resource);
}

/** The beginning of a document, up to its spec. */
export const head = (kind: string, name: string) =>
  `apiVersion: sidekey.dev/v1\nkind: ${kind}\nmetadata: {name: ${name}}\nspec:`;
export const secretDocument = (value: string) =>
  `${head('CredentialProvider', 'api-key')} {type: static, secret: ${value}}`;
/** An agent, an API, its key, and the policy that brings them together. */
export const SET = `
${head('ClientWorkload', 'agent')} {selectors: {all: [{claim: local.user, equals: me}]}}
---
${head('ServerWorkload', 'api')} {hosts: [api.example.com]}
---
${secretDocument('{value: hunter2}')}
---
${head('AccessPolicy', 'agent-api')}
  clientWorkload: agent
  serverWorkload: api
  rules: [{methods: [GET], paths: ['/v1/**']}]
  credentials: [{provider: api-key, inject: {type: bearer}}]
`;

/** A tenant of nobody else's; gives its name. */
export async function makeTenant(resources: ResourceStore): Promise<string> {
  const name = `tenant-${randomUUID()}`;
  await resources.apply('default', documents(`${head('Tenant', name)} {}`));
  return name;
}
