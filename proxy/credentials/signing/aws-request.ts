import type { HeaderList } from '../../protocols/header-list.ts';
import type { AgentAwsSignature } from './aws-agent-signature.ts';
import { canonicalRequest, sha256Hex } from './aws-canonical.ts';
import type { BodyTransform } from '../body-transform.ts';
import { createAwsChunkTransform, EMPTY_SHA256 } from './aws-chunk-signer.ts';
import { readPayloadMode, type PayloadMode } from './aws-payload.ts';
import { awsStamp, createAwsSigner, type AwsAlgorithm, type AwsCredential, type AwsSigner } from './aws-signer.ts';
import { unsignable } from '../injection-error.ts';

/** A credential and where it may sign. */
export interface AwsSigning {
  readonly credential: AwsCredential;
  readonly algorithm: AwsAlgorithm;
  readonly service: string;
  /** The regions that may be signed for; the first serves a request that names none. `*` only for SigV4a. */
  readonly regions: readonly string[];
}

/** The request as it is forwarded, but for the headers that signing sets. */
export interface AwsRequest {
  readonly method: string;
  /** As it is forwarded, with its port where that is not the scheme's own. */
  readonly authority: string;
  readonly path: string;
  readonly query: string | undefined;
  readonly headers: HeaderList;
  readonly hasBody: boolean;
}

/** What was found out before the body is read. */
export interface AwsPlan {
  readonly signing: AwsSigning;
  readonly regions: readonly string[];
  readonly payload: PayloadMode;
  readonly agentSigned: ReadonlySet<string>;
  /** `signAwsRequest` wants the hash of the whole body. */
  readonly needsWholeBody: boolean;
}

/** What came of signing. */
export interface AwsSigned {
  /** In hex. */
  readonly signature: string;
  /** Through which a body in signed chunks must go, which keeps its length. */
  readonly transform: BodyTransform | undefined;
}

const NOTHING_SIGNED: ReadonlySet<string> = new Set();

/**
 * Checks that the request may be signed. Call it once the agent's credentials are removed, with what `readAgentSignature`
 * found before.
 *
 * @throws InjectionError
 */
export function planAwsSignature(
  signing: AwsSigning,
  agent: AgentAwsSignature | undefined,
  request: AwsRequest,
): AwsPlan {
  if (agent !== undefined && agent.service !== signing.service) {
    throw unsignable('it is for another service than its policy allows');
  }
  if (isS3(signing.service) && isFormUpload(request)) {
    throw unsignable('S3 takes a form by the signature in it, instead of that of its head: upload by PUT');
  }
  const regions = agreedRegions(signing, agent);
  const payload = payloadOf(signing, request);
  if (payload.kind === 'chunked' && payload.chunkSignatures !== undefined) {
    // The lengths of signatures differ, so the body's announced length would not hold.
    if (payload.chunkSignatures !== signing.algorithm) throw unsignable('its chunks are signed by another algorithm');
  }
  const needsWholeBody = payload.kind === 'absent' && request.hasBody;
  return { signing, regions, payload, agentSigned: agent?.signedHeaders ?? NOTHING_SIGNED, needsWholeBody };
}

function agreedRegions({ regions, algorithm }: AwsSigning, agent: AgentAwsSignature | undefined): readonly string[] {
  if (agent === undefined) return regions;
  const anywhere = algorithm === 'AWS4-ECDSA-P256-SHA256' && regions.includes('*');
  if (!anywhere && !agent.regions.every((region) => regions.includes(region))) {
    throw unsignable('it is for another region than its policy allows');
  }
  if (algorithm === 'AWS4-HMAC-SHA256' && agent.regions.length !== 1) throw unsignable('it is for several regions');
  return agent.regions;
}

/** A body without a hash may go to S3 unsigned, for TLS guards it; no other service takes that. */
function payloadOf({ service }: AwsSigning, { headers, hasBody }: AwsRequest): PayloadMode {
  const payload = readPayloadMode(headers);
  if (payload.kind === 'absent' && isS3(service)) {
    return { kind: 'given', value: hasBody ? 'UNSIGNED-PAYLOAD' : EMPTY_SHA256 };
  }
  return payload;
}

function isFormUpload({ method, headers }: AwsRequest): boolean {
  return method === 'POST' && headers.getAll('content-type').join().toLowerCase().includes('multipart/form-data');
}

function isS3(service: string): boolean {
  return service === 's3' || service.startsWith('s3-') || service === 's3express';
}

/**
 * Signs the request: sets `x-amz-date`, the session token, the region set and `authorization`, last of all that is
 * put in. Returns the signature, without which those of chunks are worth nothing, and the transform that the body must
 * pass, if it must.
 *
 * @param nowMs - Milliseconds since the epoch, by the proxy's clock; the agent's own date is dropped.
 * @param bodySha256 - Hex; needed when `plan.needsWholeBody`.
 * @throws InjectionError
 */
export function signAwsRequest(
  plan: AwsPlan,
  request: AwsRequest,
  nowMs: number,
  bodySha256: string = EMPTY_SHA256,
): AwsSigned {
  const { signing, regions, payload } = plan;
  const { headers } = request;
  const { credential, algorithm, service } = signing;
  const signer = createAwsSigner(credential, { algorithm, stamp: awsStamp(nowMs), region: regions[0] ?? '', service });
  headers.set('X-Amz-Date', signer.stamp);
  headers.delete('x-amz-region-set');
  if (algorithm !== 'AWS4-HMAC-SHA256') headers.set('X-Amz-Region-Set', regions.join(','));
  headers.delete('x-amz-security-token');
  if (credential.sessionToken !== undefined) headers.set('X-Amz-Security-Token', credential.sessionToken.reveal());
  if (payload.kind !== 'absent') headers.set('X-Amz-Content-Sha256', payload.value);

  const hash = payload.kind === 'absent' ? bodySha256 : payload.value;
  const signedHeaders = headersToSign(headers, plan.agentSigned);
  const { method, authority, path, query } = request;
  const pathEncoding = isS3(service) ? 'once' : 'twice';
  const canonical = canonicalRequest({
    method,
    authority,
    path,
    pathEncoding,
    query,
    headers,
    signedHeaders,
    payload: hash,
  });
  const signature = signer.sign(stringToSign(signer, canonical));
  const scope = `${credential.accessKeyId}/${signer.scope}`;
  headers.set(
    'Authorization',
    `${algorithm} Credential=${scope}, SignedHeaders=${signedHeaders.join(';')}, Signature=${signature}`,
  );
  const transform = payload.kind === 'chunked' ? createAwsChunkTransform(payload, signer, signature) : undefined;
  return { signature, transform };
}

/** AWS "Create a signed API request", step 3. */
export function stringToSign(signer: AwsSigner, canonical: string): string {
  return `${signer.algorithm}\n${signer.stamp}\n${signer.scope}\n${sha256Hex(canonical)}`;
}

/** Changed or dropped on the way, by this proxy or by what stands before the service. */
const NEVER_SIGNED = new Set([
  'accept-encoding',
  'authorization',
  'cache-control',
  'connection',
  'expect',
  'if-range',
  'max-forwards',
  'pragma',
  'range',
  'referer',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'user-agent',
  'via',
  'x-amzn-trace-id',
]);

/** The host, all that AWS asks for, and whatever else the agent's SDK had signed. */
function headersToSign(headers: HeaderList, agentSigned: ReadonlySet<string>): string[] {
  const names = new Set(['host']);
  for (let at = 0; at < headers.raw.length; at += 2) {
    const name = headers.raw[at] ?? '';
    const always = name === 'content-type' || name === 'content-md5' || name.startsWith('x-amz-');
    if (always || (agentSigned.has(name) && !NEVER_SIGNED.has(name))) names.add(name);
  }
  return Array.from(names).toSorted();
}
