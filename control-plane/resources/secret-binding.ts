import { z } from 'zod';
import { boundTo } from './bound-to.ts';
import { clientWorkloadSpec } from './client-workload.ts';
import { diffValues, toJson } from './diff.ts';
import type { CredentialProviderSpec, OAuth2ClientCredentialsSpec, PolicySet } from './kinds.ts';
import type { ResourceIssue } from './resource-error.ts';
import { trustProviderSpec } from './trust-provider.ts';

/** Read again as documents are when a secret is opened, so that defaults of fields added since are filled in. */
const binding = z.object({
  boundTo,
  token: z
    .object({
      tokenUrl: z.string(),
      clientId: z.string(),
      method: z.string(),
      ca: z.string().optional(),
      allowedAddresses: z.array(z.string()),
    })
    .optional(),
  trust: z.record(z.string(), trustProviderSpec),
  clientWorkloads: z.record(z.string(), clientWorkloadSpec),
});

/** Everything that says where a provider's secret goes and who gets it. */
export type SecretBinding = z.output<typeof binding>;

/** What a binding may name. */
export type NamedBySecrets = Pick<PolicySet, 'trustProviders' | 'clientWorkloads'>;

export function bindingOf(spec: CredentialProviderSpec, named: NamedBySecrets): SecretBinding {
  if (spec.type === 'jwt') return { trust: {}, clientWorkloads: {} };
  const { agents } = spec.boundTo ?? {};
  return {
    boundTo: spec.boundTo,
    token: spec.type === 'static' ? undefined : tokenEndpoint(spec),
    trust: among(named.trustProviders, agents?.trust),
    clientWorkloads: among(named.clientWorkloads, agents?.clientWorkloads, ({ selectors, condition }) => ({
      selectors,
      condition,
    })),
  };
}

function tokenEndpoint({
  tokenUrl,
  clientId,
  auth,
  ca,
  allowedAddresses,
}: OAuth2ClientCredentialsSpec): SecretBinding['token'] {
  return { tokenUrl, clientId, method: auth.method, ca, allowedAddresses };
}

function among<Spec>(
  specs: ReadonlyMap<string, Spec>,
  names: readonly string[] = [],
  part: (spec: Spec) => Spec = (spec) => spec,
): Record<string, Spec> {
  return Object.fromEntries(
    names.flatMap((name) => {
      const spec = specs.get(name);
      return spec === undefined ? [] : [[name, part(spec)]];
    }),
  );
}

/** The text that is sealed with the secret; empty where nothing binds it. */
export function bindingText(bound: SecretBinding): string {
  return bound.boundTo === undefined && bound.token === undefined ? '' : (toJson(bound) ?? '');
}

/** Whether a secret that was sealed with this text is bound so. */
export function isBoundSo(text: string, bound: SecretBinding): boolean {
  const wanted = bindingText(bound);
  if (text === wanted || text === '' || wanted === '') return text === wanted;
  const parsed = binding.safeParse(JSON.parse(text));
  return parsed.success && bindingText(parsed.data) === wanted;
}

/** Where what it is called here stands in a document. */
const FIELDS: Readonly<Record<string, string>> = { token: 'type', 'token.method': 'auth.method' };

/** What of a binding differs, each where its author wrote it. */
export function bindingChanges(provider: string, before: SecretBinding, after: SecretBinding): ResourceIssue[] {
  const own = diffValues(
    { boundTo: before.boundTo, token: before.token },
    { boundTo: after.boundTo, token: after.token },
  ).map(({ path }) => ({
    kind: 'CredentialProvider',
    name: provider,
    field: `spec.${FIELDS[path] ?? path.replace(/^token\./, '')}`,
    message: 'is changed only together with the secret: give its value again',
  }));
  if (own.length > 0) return own;
  const message = `the secret of CredentialProvider "${provider}" is sealed for what this said: give its value again`;
  const changed = <Spec>(kind: string, from: Record<string, Spec>, to: Record<string, Spec>): ResourceIssue[] =>
    Object.keys(to).flatMap((name) =>
      diffValues(from[name], to[name], 'spec').map(({ path }) => ({ kind, name, field: path, message })),
    );
  return [
    ...changed('TrustProvider', before.trust, after.trust),
    ...changed('ClientWorkload', before.clientWorkloads, after.clientWorkloads),
  ];
}
