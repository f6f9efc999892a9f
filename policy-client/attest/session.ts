import { createPublicKey, type KeyObject } from 'node:crypto';
import type { Metadata } from '@grpc/grpc-js';
import { within } from '../../common/deadline.ts';
import { SidekeyError } from '../../common/errors.ts';
import { Secret } from '../../common/secret.ts';
import { VERSION } from '../../common/version.ts';
import type { AttestResponse, CertificateAuthority, Evidence } from '../../proto/gen/sidekey/v1/proxy.ts';
import { describeSkew } from '../../proto/skew.ts';
import type { Connection } from '../connection.ts';
import type { ProofMaker } from './proof.ts';
import type { SessionState } from '../types.ts';

/** An attested session with what its calls need. */
export interface Session {
  readonly state: SessionState;
  /** Milliseconds since the Unix epoch. */
  readonly renewAfter: number;
  readonly token: Secret;
  readonly eventKey: KeyObject;
  readonly eventKeyId: string;
  readonly authority: CertificateAuthority | undefined;
  /** Release of the control plane that gave it. */
  readonly controlPlaneVersion: string;
}

/** What the control plane sent breaks the contract. */
export class ContractError extends SidekeyError {}

export interface AttestOptions {
  readonly tenant: string;
  readonly evidence: () => Promise<Evidence[]>;
  readonly instanceId: string;
  readonly wantCertificateAuthority: boolean;
  readonly timeoutMs: number;
}

/** Presents evidence and gives the session; throws a gRPC ServiceError, a ContractError or what `evidence` threw. */
export async function attest(
  connection: Connection,
  proofs: ProofMaker,
  options: AttestOptions,
  nowMs: () => number,
): Promise<Session> {
  const evidence = await within(options.evidence(), options.timeoutMs, () => {
    throw new SidekeyError('evidence-timeout', 'reading evidence took too long');
  });
  await connection.load();
  const { Metadata, ProxyServiceService } = connection.wire;
  const tokens = Buffer.concat(evidence.map(({ token }) => token));
  const request = {
    tenant: options.tenant,
    evidence,
    proxyKey: proofs.publicKeyDer,
    proof: proofs.make(ProxyServiceService.attest.path, tokens, nowMs()),
    instanceId: options.instanceId,
    proxyVersion: VERSION,
    wantCertificateAuthority: options.wantCertificateAuthority,
  };
  const response = await new Promise<AttestResponse>((resolve, reject) => {
    const deadline = Date.now() + options.timeoutMs;
    connection.client.attest(request, new Metadata(), { deadline }, (error, answer) => {
      if (error === null) resolve(answer);
      else reject(error);
    });
  });
  return parseSession(response, nowMs());
}

/** Throws for a control plane of a release that does not take proxies of this one. */
export function assertTaken(controlPlaneVersion: string): void {
  const skew = describeSkew(VERSION, controlPlaneVersion);
  if (skew !== undefined) throw new SidekeyError('version-unsupported', skew);
}

function parseSession(response: AttestResponse, nowMs: number): Session {
  assertTaken(response.controlPlaneVersion);
  const notAfter = response.notAfter?.getTime();
  if (response.sessionId === '' || response.sessionToken === '' || notAfter === undefined) {
    throw new ContractError('session-invalid', 'the session lacks its id, token or end');
  }
  if (notAfter <= nowMs) throw new ContractError('session-expired', 'the session ends in the past: compare the clocks');
  const renewAfter = response.renewAfter?.getTime() ?? nowMs + (notAfter - nowMs) / 2;
  const state: SessionState = Object.freeze({
    id: response.sessionId,
    workloads: Object.freeze([...response.workloads]),
    user: response.user === '' ? undefined : response.user,
    claims: parseClaims(response.claimsJson),
    notAfter,
  });
  return {
    state,
    renewAfter: Math.min(renewAfter, notAfter - (notAfter - nowMs) / 10),
    token: new Secret(response.sessionToken),
    eventKey: parseEventKey(response.eventKeyJson),
    eventKeyId: response.eventKeyId,
    authority: response.certificateAuthority,
    controlPlaneVersion: response.controlPlaneVersion,
  };
}

function parseClaims(json: string): Readonly<Record<string, unknown>> {
  if (json === '') return Object.freeze({});
  const claims = parseJson(json, 'claims');
  return Object.freeze(claims);
}

function parseEventKey(json: string): KeyObject {
  const key = createPublicKey({ key: parseJson(json, 'event key'), format: 'jwk' });
  if (key.asymmetricKeyDetails?.namedCurve !== 'prime256v1') {
    throw new ContractError('session-invalid', 'the event key is not on P-256');
  }
  return key;
}

function parseJson(json: string, what: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (cause) {
    throw new ContractError('session-invalid', `the session's ${what} is not JSON`, { cause });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new ContractError('session-invalid', `the session's ${what} is not an object`);
  }
  return value as Record<string, unknown>;
}

/** Metadata of a call under this session (RFC 9449 section 7.1). */
export function sessionMetadata(
  { wire }: Connection,
  session: Session,
  proofs: ProofMaker,
  method: 'authorize' | 'reportDecisions' | 'watch',
  nowMs: number,
): Metadata {
  const token = session.token.reveal();
  const { path } = wire.ProxyServiceService[method];
  const metadata = new wire.Metadata();
  metadata.set('authorization', `DPoP ${token}`);
  metadata.set('dpop', proofs.make(path, token, nowMs));
  return metadata;
}
