import { holdPromise } from '../../common/hold-promise.ts';
import type { Secret } from '../../common/secret.ts';
import type { Injection } from '../../proto/gen/sidekey/v1/grant.ts';
import { CredentialError, type CredentialMinter, type CredentialSpec } from './credential-minter.ts';
import { placeCredential, type Placed } from './place-credential.ts';
import type { CompiledPolicy, CompiledPolicySet } from '../policy/compile.ts';
import type { SessionFacts } from '../policy/facts.ts';
import type { TenantPolicy } from '../policy/policy-source.ts';
import { holdersOf } from '../policy/placeholders.ts';
import type { CredentialInjection, CredentialProviderSpec, PolicyCredential, PolicySet } from '../resources/kinds.ts';
import type { SecretField } from '../resources/secret-fields.ts';
import { SealingError } from '../store/sealing.ts';
import type { PlaceholderKeys } from './placeholder-keys.ts';

export interface CredentialSourceOptions {
  readonly minter: CredentialMinter;
  readonly placeholders: Pick<PlaceholderKeys, 'for'>;
  /** The sealed value of a credential provider's field. Throws SealingError when it is not bound so. */
  readonly openSecret: (
    policy: PolicySet,
    provider: string,
    field: SecretField['field'],
  ) => Promise<Secret | undefined>;
}

/** All credentials of a policy in their places, and when the first of them ends. */
export interface MintedCredentials {
  readonly injections: Injection[];
  /** Milliseconds since the epoch; infinite when none ends by itself. */
  readonly notAfter: number;
}

/** Makes every credential of a policy that allowed a call, or none. Throws CredentialError. */
export async function mintFor(
  options: CredentialSourceOptions,
  session: SessionFacts,
  policy: CompiledPolicy,
  current: TenantPolicy,
): Promise<MintedCredentials> {
  const { credentials } = policy.spec;
  if (credentials.length === 0) return { injections: [], notAfter: Number.POSITIVE_INFINITY };
  const minted = await Promise.all(credentials.map((one) => mintOne(options, session, policy, current, one)));
  return {
    injections: minted.map(({ kind }) => ({ kind })),
    notAfter: Math.min(...minted.map(({ notAfter }) => notAfter ?? Number.POSITIVE_INFINITY)),
  };
}

async function mintOne(
  options: CredentialSourceOptions,
  session: SessionFacts,
  policy: CompiledPolicy,
  current: TenantPolicy,
  { provider, inject }: PolicyCredential,
): Promise<Placed> {
  const spec = current.policy.source.credentialProviders.get(provider);
  if (!spec) throw new CredentialError('the credential provider does not exist');
  const placeholders = await placeholdersFor(options, session, policy, { provider, inject });
  // The token itself goes out on the routes that take its placeholder; here nothing is sent anywhere.
  if (inject.type === 'oauth-token') return tokenEndpoint(inject, placeholders[0] ?? '');
  const ready = await openOnce(options, provider, spec, current.policy);
  const minted = await options.minter.mint(ready, {
    tenant: session.tenant,
    credential: provider,
    version: current.policy.source.change,
    workload: policy.spec.clientWorkload === '*' ? (session.workloads[0] ?? '') : policy.spec.clientWorkload,
    user: session.user,
    serverWorkload: policy.spec.serverWorkload,
    claims: session.user === undefined ? session.claims : { ...session.claims, user: session.userClaims },
  });
  const placed = placeCredential(inject, minted.secret, placeholders);
  const ends = [placed.notAfter, minted.notAfter].filter((at) => at !== undefined);
  return ends.length === 0 ? placed : { ...placed, notAfter: Math.min(...ends) };
}

async function placeholdersFor(
  options: CredentialSourceOptions,
  session: SessionFacts,
  policy: CompiledPolicy,
  { provider, inject }: PolicyCredential,
): Promise<string[]> {
  if (inject.type !== 'placeholder' && inject.type !== 'oauth-token') return [];
  const placeholderOf = await options.placeholders.for(session.tenant);
  const holders = holdersOf(policy.spec.clientWorkload, session.workloads);
  return holders.map((workload) => placeholderOf(workload, provider));
}

function tokenEndpoint(inject: Extract<CredentialInjection, { type: 'oauth-token' }>, placeholder: string): Placed {
  const { path, expiresInSeconds } = inject;
  return { kind: { $case: 'oauthToken', value: { path, placeholder, expiresInSeconds } } };
}

/** Opened secrets live as long as the version of the policy that they belong to: a changed secret is a new version. */
const opened = new WeakMap<CompiledPolicySet, Map<string, Promise<CredentialSpec>>>();

function openOnce(
  options: CredentialSourceOptions,
  provider: string,
  spec: CredentialProviderSpec,
  set: CompiledPolicySet,
): Promise<CredentialSpec> {
  const held = opened.get(set) ?? new Map<string, Promise<CredentialSpec>>();
  opened.set(set, held);
  return holdPromise(held, provider, () => openSpec(options, set.source, provider, spec));
}

async function openSpec(
  options: CredentialSourceOptions,
  policy: PolicySet,
  provider: string,
  spec: CredentialProviderSpec,
): Promise<CredentialSpec> {
  const open = async (field: SecretField['field']): Promise<Secret> => {
    const secret = await options.openSecret(policy, provider, field).catch(asUnavailable);
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

function asUnavailable(cause: unknown): never {
  if (!(cause instanceof SealingError)) throw cause;
  throw new CredentialError('the stored secret cannot be opened for what policy says now', { cause });
}
