import { randomUUID } from 'node:crypto';
import { Secret } from '../../common/secret.ts';
import { CredentialError, usableUntil } from './credential-minter.ts';
import type { JwtSpec, MintContext, MintedCredential } from './credential-minter.ts';
import type { Issuer } from './issuer.ts';
import { fillTemplate, fillTemplates } from './template.ts';

/** Claims that say who issued the token, for whom and until when: never a template's to set. */
const RESERVED = ['iss', 'sub', 'aud', 'exp', 'nbf', 'iat', 'jti', 'cnf', 'act'];

/** The first of these claims that a template cannot set. */
export function reservedClaim(claims: Readonly<Record<string, unknown>>): string | undefined {
  return Object.keys(claims).find((name) => RESERVED.includes(name));
}

/** A token of the tenant's own issuer, fresh for every grant (RFC 7519). */
export async function mintJwt(issuer: Issuer, spec: JwtSpec, context: MintContext): Promise<MintedCredential> {
  const reserved = reservedClaim(spec.claims);
  if (reserved !== undefined) throw new CredentialError(`the claim ${reserved} cannot be set by a template`);
  const filled = fillTemplates(spec.claims, context) as Record<string, unknown>;
  const subject = fillTemplate(spec.subject, context);
  const audience = typeof spec.audience === 'string' ? spec.audience : [...spec.audience];
  const claims = { ...filled, sub: subject, aud: audience, jti: randomUUID() };
  try {
    const { token, issuedAt, notAfter } = await issuer.sign(context.tenant, claims, spec.ttlSeconds);
    return { secret: new Secret(token), notAfter: usableUntil(issuedAt, notAfter) };
  } catch (cause) {
    throw new CredentialError('the token could not be signed', { cause });
  }
}
