import { verifyEvidenceToken } from './evidence-token.ts';
import type { JwksCache } from './jwks-cache.ts';
import { AttestationError } from './trust-provider.ts';
import type { TrustProviderVerifier } from './trust-provider.ts';
import type { OidcTrustProviderSpec } from '../resources/kinds.ts';

interface Preset {
  readonly issuer: string;
  /** Name space that the token's own claims are also offered under. */
  readonly space: string;
  /** Claims without which the token is not one of this service. */
  readonly required: readonly string[];
}

/** What is well known of each service's tokens; the sources are the services' OIDC reference pages. */
const OIDC_PRESETS: Readonly<Record<NonNullable<OidcTrustProviderSpec['preset']>, Preset>> = {
  'github-actions': {
    issuer: 'https://token.actions.githubusercontent.com',
    space: 'github',
    required: ['repository', 'repository_owner', 'ref', 'workflow'],
  },
  gitlab: { issuer: 'https://gitlab.com', space: 'gitlab', required: ['project_path', 'namespace_path', 'ref'] },
  'terraform-cloud': {
    issuer: 'https://app.terraform.io',
    space: 'terraform',
    required: ['terraform_organization_name', 'terraform_workspace_name', 'terraform_run_phase'],
  },
};

/** The issuer that a spec's tokens come from: its own, else its preset's. */
export function oidcIssuer(spec: OidcTrustProviderSpec): string | undefined {
  return spec.issuer ?? (spec.preset === undefined ? undefined : OIDC_PRESETS[spec.preset].issuer);
}

/**
 * Tokens of any OpenID Connect issuer. All claims are offered as `oidc.*`, with a preset also under its own name: `github.repository`,
 * `gitlab.project_path`, `terraform.terraform_workspace_name`.
 */
export function createOidcVerifier(jwks: JwksCache): TrustProviderVerifier<OidcTrustProviderSpec> {
  return {
    async verify(evidence, spec, now) {
      const issuer = oidcIssuer(spec);
      if (issuer === undefined)
        throw new AttestationError('evidence-wrong-issuer', 'the trust provider names no issuer');
      const { payload, hash } = await verifyEvidenceToken(evidence.token, {
        issuer,
        audience: spec.audience,
        now,
        keys: (keyId) => jwks.keysFor(evidence.tenant, issuer, spec, keyId),
      });
      const claims: Record<string, unknown> = { oidc: payload };
      if (spec.preset !== undefined) {
        const { space, required } = OIDC_PRESETS[spec.preset];
        if (required.some((name) => typeof payload[name] !== 'string')) {
          throw new AttestationError('evidence-malformed', `the token is not one of ${spec.preset}`);
        }
        claims[space] = payload;
      }
      return { issuer, subject: payload.sub, claims, notAfter: payload.exp * 1000, hash };
    },
  };
}
