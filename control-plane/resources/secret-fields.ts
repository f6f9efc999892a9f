import type { CredentialProviderSpec, Resource, SecretSource } from './kinds.ts';

/** One place of a resource that holds a secret; `field` is its path below `spec`. */
export interface SecretField {
  readonly field: 'secret' | 'auth.clientSecret' | 'auth.privateKey';
  readonly source: SecretSource;
}

export function secretFields(spec: CredentialProviderSpec): SecretField[] {
  switch (spec.type) {
    case 'static':
      return [{ field: 'secret', source: spec.secret }];
    case 'oauth2-client-credentials':
      return spec.auth.method === 'private_key_jwt'
        ? [{ field: 'auth.privateKey', source: spec.auth.privateKey }]
        : [{ field: 'auth.clientSecret', source: spec.auth.clientSecret }];
    case 'jwt':
      return [];
  }
}

/** Where a provider's secret is sealed. */
export function secretName(provider: string, field: SecretField['field']): string {
  return `${secretPrefix(provider)}${field}`;
}

export function secretPrefix(provider: string): string {
  return `CredentialProvider/${provider}/`;
}

const SEALED: SecretSource = { sealed: true };

/** The resource as it is stored and shown: a mark in place of each secret. */
export function withoutSecrets(resource: Resource): Resource {
  return replaceSecrets(resource, () => SEALED);
}

/** The resource with another source for each of its secrets. */
export function replaceSecrets(resource: Resource, sourceFor: (found: SecretField) => SecretSource): Resource {
  if (resource.kind !== 'CredentialProvider') return resource;
  let { spec } = resource;
  for (const found of secretFields(spec)) spec = withSource(spec, sourceFor(found));
  return { ...resource, spec };
}

function withSource(spec: CredentialProviderSpec, source: SecretSource): CredentialProviderSpec {
  switch (spec.type) {
    case 'static':
      return { ...spec, secret: source };
    case 'oauth2-client-credentials':
      return spec.auth.method === 'private_key_jwt'
        ? { ...spec, auth: { ...spec.auth, privateKey: source } }
        : { ...spec, auth: { ...spec.auth, clientSecret: source } };
    case 'jwt':
      return spec;
  }
}
