import type { Secret } from '../../common/secret.ts';
import type { Grant, Injection } from '../../proto/gen/sidekey/v1/grant.ts';
import {
  CredentialError,
  type CredentialMinter,
  type CredentialSpec,
  type MintedCredential,
} from '../credentials/credential-minter.ts';
import type { CompiledPolicy, CompiledPolicySet } from '../policy/compile.ts';
import type { SessionFacts } from '../policy/facts.ts';
import type { TenantPolicy } from '../policy/policy-source.ts';
import type { CredentialInjection, CredentialProviderSpec } from '../resources/kinds.ts';

export type SecretFieldName = 'secret' | 'auth.clientSecret' | 'auth.privateKey';

export interface CredentialSourceOptions {
  readonly minter: CredentialMinter;
  /** The sealed value of a credential provider's field. */
  readonly openSecret: (tenant: string, provider: string, field: SecretFieldName) => Promise<Secret | undefined>;
}

/** Makes the credential of a policy that allowed a call. Throws CredentialError. */
export async function mintFor(
  options: CredentialSourceOptions,
  session: SessionFacts,
  policy: CompiledPolicy,
  current: TenantPolicy,
): Promise<(MintedCredential & { inject: CredentialInjection }) | undefined> {
  const { credential } = policy.spec;
  if (!credential) return undefined;
  const spec = current.policy.source.credentialProviders.get(credential.provider);
  if (!spec) throw new CredentialError('the credential provider does not exist');
  const ready = await openOnce(options, session.tenant, credential.provider, spec, current.policy);
  const minted = await options.minter.mint(ready, {
    tenant: session.tenant,
    credential: credential.provider,
    version: current.policy.source.version,
    workload: policy.spec.clientWorkload === '*' ? (session.workloads[0] ?? '') : policy.spec.clientWorkload,
    user: session.user,
    serverWorkload: policy.spec.serverWorkload,
    claims: session.user === undefined ? session.claims : { ...session.claims, user: session.userClaims },
  });
  return { ...minted, inject: credential.inject };
}

/** The credential in its place, as it goes over the wire; the only use of the secret's value here. */
export function injectionOf(inject: CredentialInjection, secret: Secret): NonNullable<Grant['injection']> {
  return { kind: injectionKind(inject, secret.revealBytes()) };
}

function injectionKind(inject: CredentialInjection, value: Buffer): Injection['kind'] {
  switch (inject.type) {
    case 'bearer':
      return { $case: 'bearer', value: { token: value } };
    case 'basic':
      return { $case: 'basic', value: { username: inject.username, password: value } };
    case 'header':
      return { $case: 'header', value: { name: inject.name, prefix: inject.prefix, value } };
    case 'query':
      return { $case: 'query', value: { name: inject.name, value } };
  }
}

/** Opened secrets live as long as the version of the policy that they belong to: a changed secret is a new version. */
const opened = new WeakMap<CompiledPolicySet, Map<string, Promise<CredentialSpec>>>();

function openOnce(
  options: CredentialSourceOptions,
  tenant: string,
  provider: string,
  spec: CredentialProviderSpec,
  set: CompiledPolicySet,
): Promise<CredentialSpec> {
  const held = opened.get(set) ?? new Map<string, Promise<CredentialSpec>>();
  opened.set(set, held);
  const known = held.get(provider);
  if (known) return known;
  const opening = openSpec(options, tenant, provider, spec);
  held.set(provider, opening);
  opening.catch(() => held.delete(provider));
  return opening;
}

async function openSpec(
  options: CredentialSourceOptions,
  tenant: string,
  provider: string,
  spec: CredentialProviderSpec,
): Promise<CredentialSpec> {
  const open = async (field: SecretFieldName): Promise<Secret> => {
    const secret = await options.openSecret(tenant, provider, field);
    if (!secret) throw new CredentialError('the credential provider has no stored secret');
    return secret;
  };
  if (spec.type === 'jwt') return spec;
  if (spec.type === 'static') return { type: 'static', secret: await open('secret') };
  const { auth, ...rest } = spec;
  if (auth.method !== 'private_key_jwt') {
    return { ...rest, auth: { method: auth.method, clientSecret: await open('auth.clientSecret') } };
  }
  return {
    ...rest,
    auth: {
      method: auth.method,
      privateKey: await open('auth.privateKey'),
      keyId: auth.keyId,
      algorithm: auth.algorithm,
    },
  };
}
