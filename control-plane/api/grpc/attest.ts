import { randomUUID } from 'node:crypto';
import type { Clock } from '../../../common/clock.ts';
import { VERSION } from '../../../common/version.ts';
import {
  AttestRequest,
  type AttestResponse,
  EvidenceSubject,
  ProxyServiceService,
} from '../../../proto/gen/sidekey/v1/proxy.ts';
import { CLOCK_SKEW_SECONDS, readUnverifiedIssuer } from '../../attestation/evidence-token.ts';
import type { EvidenceVerifier } from '../../attestation/evidence-verifier.ts';
import type { SessionAuthority } from '../../attestation/session.ts';
import type { SigningKeys } from '../../credentials/signing-keys.ts';
import type { PolicySource, TenantPolicy } from '../../policy/policy-source.ts';
import { routesOf } from '../../policy/routes.ts';
import { userName } from '../../policy/user-name.ts';
import { matchWorkloads } from '../../policy/workloads.ts';
import type { PlaceholderKeys } from '../../credentials/placeholder-keys.ts';
import { Refusal } from './refusal.ts';
import { assertServed, type SessionGate } from './session-gate.ts';
import type { SessionRecord, SessionRecords } from '../../attestation/session-records.ts';
import type { TenantAuthorities } from '../../credentials/tenant-authorities.ts';

export interface AttestOptions {
  readonly sessions: SessionAuthority;
  readonly evidence: EvidenceVerifier;
  readonly policies: PolicySource;
  readonly records: SessionRecords;
  readonly gate: SessionGate;
  readonly authorities: TenantAuthorities;
  readonly placeholders: Pick<PlaceholderKeys, 'for'>;
  readonly eventKeys: SigningKeys;
  readonly clock: Clock;
  readonly sessionLifetimeMs: number;
}

type Verified = Pick<SessionRecord, 'user' | 'trust' | 'claims' | 'userClaims' | 'evidenceHashes' | 'evidenceNotAfter'>;

interface VerifiedEvidence {
  readonly verified: Verified;
  /** When the user's token ends, in milliseconds since the epoch; infinite without one. */
  readonly userNotAfter: number;
}

const MAX_EVIDENCE_BYTES = 32_768;
/** Eight pieces of evidence, with a key and its proof. */
const MAX_REQUEST_BYTES = 8 * MAX_EVIDENCE_BYTES + 16_384;
/** Of a session's life; in between by chance, so that proxies that started together do not come back together ever after. */
const RENEWAL = { from: 0.4, to: 0.6 };

/**
 * Turns evidence into a session bound to the proxy's key, of a request that `checkRequest` let through. Throws
 * AttestationError or Refusal.
 */
export async function attest(options: AttestOptions, request: AttestRequest): Promise<AttestResponse> {
  const { clock, policies, sessions } = options;
  const proven = await sessions.proveKey({
    proxyKey: request.proxyKey,
    proof: request.proof,
    evidenceTokens: request.evidence.map(({ token }) => token),
    path: ProxyServiceService.attest.path,
  });
  if (request.evidence.length === 0) throw new Refusal('evidence-missing', 'no evidence of identity was presented');
  checkEvidence(request);
  const policy = /^[a-z0-9.-]{1,63}$/.test(request.tenant) ? await policies.get(request.tenant) : undefined;
  // The same answer as for a tenant that exists but trusts nobody, so that tenants cannot be found by trying.
  if (!policy) throw new Refusal('evidence-wrong-issuer', 'no trust provider accepts this evidence');
  const { verified, userNotAfter } = await verifyEvidence(options, request, policy, proven.thumbprint);
  await proven.useProof(request.tenant);
  const now = clock.now();
  const id = randomUUID();
  const workloads = matchWorkloads(policy.policy, { tenant: request.tenant, sessionId: id, ...verified }, now);
  if (workloads.length === 0) {
    const why =
      'the verified claims match no client workload, or it cannot be told whether they match one that is denied';
    throw new Refusal('workload-unknown', why);
  }
  // What a user lends ends with the token that says so.
  const lifeMs = Math.min(options.sessionLifetimeMs, userNotAfter + CLOCK_SKEW_SECONDS * 1_000 - now);
  const notAfter = Math.floor((now + lifeMs) / 1_000) * 1_000;
  const record: SessionRecord = {
    ...verified,
    ticket: {
      id,
      tenant: request.tenant,
      instanceId: request.instanceId,
      proxyKeyThumbprint: proven.thumbprint,
      notAfter,
    },
    workloads,
    trustDigests: Object.fromEntries(verified.trust.map((name) => [name, policy.policy.trustDigests.get(name) ?? ''])),
    authorityKey: request.wantCertificateAuthority ? request.proxyKey.toString('base64') : undefined,
    eventKeyId: options.eventKeys.current().id,
    proxyVersion: request.proxyVersion,
  };
  options.gate.assertLive({ record, ticket: record.ticket }, policy);
  const outcome = await options.records.add(record);
  if (outcome === 'evidence-revoked') {
    throw new Refusal('evidence-revoked', 'this evidence belongs to a revoked session');
  }
  if (outcome === 'foreign-instance') {
    throw new Refusal('caller-refused', 'this instance id belongs to another workload');
  }
  return answer(options, record, policy, request.proxyKey);
}

/** Bounds what a request holds while it waits for its turn. Throws Refusal. */
export function checkRequest(request: AttestRequest): void {
  assertServed(request.proxyVersion);
  if (!/^[A-Za-z0-9_-]{8,64}$/.test(request.instanceId)) {
    throw new Refusal('bad-request', 'instance_id must be 8 to 64 letters, digits, "-" and "_"');
  }
  if (request.evidence.some(({ token }) => token.length > MAX_EVIDENCE_BYTES)) {
    throw new Refusal('evidence-malformed', 'a piece of evidence is too long');
  }
  if (AttestRequest.encode(request).finish().length > MAX_REQUEST_BYTES) {
    throw new Refusal('bad-request', `the request is over ${MAX_REQUEST_BYTES} bytes`);
  }
}

/** What no tenant would accept is refused before the tenant is looked up, so that the answer tells nothing of the tenant. */
function checkEvidence({ evidence }: AttestRequest): void {
  for (const { token } of evidence) {
    if (token.length === 0) throw new Refusal('evidence-missing', 'the evidence is empty');
    if (readUnverifiedIssuer(token.toString('utf8')) === undefined) {
      throw new Refusal('evidence-malformed', 'the evidence is not a JWT with an issuer');
    }
  }
}

async function verifyEvidence(
  options: AttestOptions,
  request: AttestRequest,
  policy: TenantPolicy,
  proxyKeyThumbprint: string,
): Promise<VerifiedEvidence> {
  const providers = policy.policy.source.trustProviders;
  let user: string | undefined;
  const trust = new Set<string>();
  const claims: Record<string, unknown> = {};
  const userClaims: Record<string, unknown> = {};
  const evidenceHashes: string[] = [];
  let evidenceNotAfter = 0;
  let userNotAfter = Number.POSITIVE_INFINITY;
  for (const { kind, subject: about, token } of request.evidence) {
    const subject = about === EvidenceSubject.EVIDENCE_SUBJECT_USER ? 'user' : 'workload';
    const { tenant } = request;
    const question = { tenant, kind, subject, token: token.toString('utf8'), proxyKeyThumbprint } as const;
    const evidence = await options.evidence.verify(question, providers, options.clock.now());
    if (subject === 'user') {
      if (user !== undefined) throw new Refusal('bad-request', 'there is evidence of more than one user');
      user = userName(evidence.issuer, evidence.subject);
      userNotAfter = evidence.notAfter;
      Object.assign(userClaims, evidence.claims);
    } else {
      for (const space of Object.keys(evidence.claims)) {
        if (Object.hasOwn(claims, space)) throw new Refusal('bad-request', 'two pieces of evidence are of one kind');
      }
      Object.assign(claims, evidence.claims);
    }
    trust.add(evidence.provider);
    evidenceHashes.push(evidence.hash);
    evidenceNotAfter = Math.max(evidenceNotAfter, evidence.notAfter);
  }
  return { verified: { user, trust: [...trust], claims, userClaims, evidenceHashes, evidenceNotAfter }, userNotAfter };
}

async function answer(
  options: AttestOptions,
  record: SessionRecord,
  policy: TenantPolicy,
  proxyKey: Buffer,
): Promise<AttestResponse> {
  const { ticket } = record;
  const now = options.clock.now();
  const eventKey = options.eventKeys.find(record.eventKeyId);
  if (!eventKey) throw new Error('the event key is gone');
  const wanted = record.authorityKey !== undefined;
  const routes = wanted ? routesOf(policy.policy, record, await options.placeholders.for(ticket.tenant)) : [];
  return {
    sessionId: ticket.id,
    sessionToken: await options.sessions.mint(ticket),
    notAfter: new Date(ticket.notAfter),
    renewAfter: new Date(now + (ticket.notAfter - now) * renewalShare()),
    workloads: [...record.workloads],
    user: record.user ?? '',
    claimsJson: JSON.stringify(
      record.user === undefined ? record.claims : { ...record.claims, user: record.userClaims },
    ),
    eventKeyJson: JSON.stringify(eventKey.publicJwk),
    eventKeyId: eventKey.id,
    controlPlaneVersion: VERSION,
    certificateAuthority: wanted ? await options.authorities.issue(ticket.tenant, proxyKey, routes) : undefined,
  };
}

function renewalShare(): number {
  return RENEWAL.from + Math.random() * (RENEWAL.to - RENEWAL.from);
}
