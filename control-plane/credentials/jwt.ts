import { randomUUID } from 'node:crypto';
import { Secret } from '../../common/secret.ts';
import { RESERVED_CLAIMS } from '../resources/credential-provider.ts';
import { CredentialError } from './credential-minter.ts';
import type { CredentialMinter, JwtSpec } from './credential-minter.ts';
import type { Issuer } from './issuer.ts';
import { fillTemplate, fillTemplates } from './template.ts';

/** A token of the tenant's own issuer, fresh for every grant (RFC 7519). */
export function createJwtMinter(issuer: Issuer): CredentialMinter<JwtSpec> {
  return {
    async mint(spec, context) {
      const extra = spec.claims ?? {};
      const reserved = Object.keys(extra).find((name) => RESERVED_CLAIMS.includes(name));
      if (reserved !== undefined) throw new CredentialError(`the claim ${reserved} cannot be set by a template`);
      const filled = fillTemplates(extra, context) as Record<string, unknown>;
      const subject = fillTemplate(spec.subject, context);
      const audience = typeof spec.audience === 'string' ? spec.audience : [...spec.audience];
      const claims = { ...filled, sub: subject, aud: audience, jti: randomUUID() };
      try {
        const { token, notAfter } = await issuer.sign(context.tenant, claims, spec.ttlSeconds);
        return { secret: new Secret(token), notAfter };
      } catch (cause) {
        throw new CredentialError('the token could not be signed', { cause });
      }
    },
    forget() {},
  };
}
