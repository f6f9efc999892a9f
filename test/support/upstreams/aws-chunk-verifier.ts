import { createHash, createHmac, type KeyObject, timingSafeEqual, verify } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { getSigningKey, SignatureV4 } from '@smithy/signature-v4';
import { type KnownKey, type ReceivedRequest, Sha256 } from './aws-verifier.ts';

const EMPTY_HASH = createHash('sha256').digest('hex');
const AUTHORIZATION =
  /^(AWS4-HMAC-SHA256|AWS4-ECDSA-P256-SHA256) Credential=([^/]+)\/(\d{8})\/(.+)\/aws4_request, SignedHeaders=([^,]+), Signature=(\w+)$/;

/** A key as a service knows it: for SigV4a by its public half. */
export interface ServiceKey extends KnownKey {
  readonly publicKey: KeyObject;
}

interface Chunk {
  readonly data: Buffer;
  readonly signature: string;
}

/** Reads the canonical request as AWS's signers write it. */
class Reader extends SignatureV4 {
  textOf(request: ReceivedRequest, signed: readonly string[], algorithm: string, scope: string): Promise<string> {
    const headers = Object.fromEntries(signed.map((name) => [name, (request.headers[name] ?? '').trim()]));
    const payload = request.headers['x-amz-content-sha256'] ?? '';
    const { method, target: path } = request;
    const canonical = this.createCanonicalRequest({ method, path, query: {}, headers } as never, headers, payload);
    return this.createStringToSign(request.headers['x-amz-date'] ?? '', scope, canonical, algorithm);
  }
}

/**
 * Checks an upload in signed chunks as S3 does ("Signature calculations ... transferring payload in multiple chunks"): the
 * head, each chunk by the signature before it, the trailers and their CRC-32. Targets without a query only.
 *
 * @returns the body that it stands for. Throws at the first thing that is wrong.
 */
export async function verifyChunkedUpload(request: ReceivedRequest, key: ServiceKey): Promise<Buffer> {
  const [, algorithm = '', accessKeyId, day = '', place = '', names = '', seed = ''] =
    AUTHORIZATION.exec(request.headers['authorization'] ?? '') ?? [];
  if (accessKeyId !== key.accessKeyId) throw new Error('unknown access key, or no signature');
  const scope = `${day}/${place}/aws4_request`;
  const check = await checker(algorithm, key, day, place);
  const reader = new Reader({ service: 's3', region: '', credentials: key, sha256: Sha256, uriEscapePath: false });
  if (!check(await reader.textOf(request, names.split(';'), algorithm, scope), seed)) throw new Error('the head');
  const stamp = request.headers['x-amz-date'] ?? '';
  const { chunks, trailers, trailerSignature } = readSignedChunks(Buffer.from(request.body));
  let previous = seed;
  for (const [at, { data, signature }] of chunks.entries()) {
    const hash = createHash('sha256').update(data).digest('hex');
    const text = [`${algorithm}-PAYLOAD`, stamp, scope, previous, EMPTY_HASH, hash].join('\n');
    previous = signature.replace(/\*+$/, '');
    if (!check(text, previous)) throw new Error(`chunk ${at}`);
  }
  const body = Buffer.concat(chunks.map(({ data }) => data));
  if (String(body.length) !== request.headers['x-amz-decoded-content-length']) throw new Error('the length');
  if (request.headers['x-amz-trailer'] === undefined) return body;
  const hash = createHash('sha256').update(trailers).digest('hex');
  const text = [`${algorithm}-TRAILER`, stamp, scope, previous, hash].join('\n');
  if (!check(text, trailerSignature.replace(/\*+$/, ''))) throw new Error('the trailers');
  if (trailers !== `x-amz-checksum-crc32:${crc32Of(body)}\n`) throw new Error('the checksum');
  return body;
}

export function crc32Of(body: Buffer): string {
  const checksum = Buffer.alloc(4);
  checksum.writeUInt32BE(crc32(body));
  return checksum.toString('base64');
}

async function checker(algorithm: string, key: ServiceKey, day: string, place: string) {
  if (algorithm === 'AWS4-ECDSA-P256-SHA256') {
    return (text: string, signature: string): boolean =>
      verify('sha256', Buffer.from(text), key.publicKey, Buffer.from(signature, 'hex'));
  }
  const [region = '', service = ''] = place.split('/');
  const signingKey = await getSigningKey(Sha256, key, day, region, service);
  return (text: string, signature: string): boolean => {
    const expected = createHmac('sha256', signingKey).update(text).digest();
    const given = Buffer.from(signature, 'hex');
    return given.length === expected.length && timingSafeEqual(expected, given);
  };
}

function readSignedChunks(body: Buffer): { chunks: Chunk[]; trailers: string; trailerSignature: string } {
  const chunks: Chunk[] = [];
  for (let at = 0; ; ) {
    const end = body.indexOf('\r\n', at);
    const [, hex = '', signature = ''] =
      /^([0-9a-f]+);chunk-signature=([0-9a-f*]+)$/.exec(body.toString('latin1', at, end)) ?? [];
    const size = Number.parseInt(hex, 16);
    if (!(size >= 0)) throw new Error('the framing');
    chunks.push({ data: body.subarray(end + 2, end + 2 + size), signature });
    if (size === 0) return { chunks, ...readTrailers(body.toString('latin1', end + 2)) };
    at = end + 2 + size + 2;
  }
}

function readTrailers(text: string): { trailers: string; trailerSignature: string } {
  const lines = text.split('\r\n').filter((line) => line !== '');
  const last = lines.at(-1)?.startsWith('x-amz-trailer-signature:') === true ? lines.pop() : undefined;
  const trailers = lines.map((line) => `${line.replace(/:\s*/, ':')}\n`).join('');
  return { trailers, trailerSignature: last?.slice(last.indexOf(':') + 1) ?? '' };
}
