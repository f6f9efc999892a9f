import { createECDH, createHmac, createPrivateKey, sign, type KeyObject } from 'node:crypto';
import { BoundedCache } from '../../../common/bounded-cache.ts';
import type { Secret } from '../../../common/secret.ts';
import { InjectionError } from '../injection-error.ts';

export type AwsAlgorithm = 'AWS4-HMAC-SHA256' | 'AWS4-ECDSA-P256-SHA256';

/** One object a grant: keys derived from it are held as long as it is. */
export interface AwsCredential {
  readonly accessKeyId: string;
  readonly secretAccessKey: Secret;
  readonly sessionToken: Secret | undefined;
}

/** Where and when a signature holds. */
export interface AwsScope {
  readonly algorithm: AwsAlgorithm;
  /** `YYYYMMDDTHHMMSSZ`. */
  readonly stamp: string;
  /** Not of SigV4a, whose regions stand in a header. */
  readonly region: string;
  readonly service: string;
}

/** Signs strings for one scope. */
export interface AwsSigner {
  readonly algorithm: AwsAlgorithm;
  readonly stamp: string;
  /** Credential scope, without the access key id. */
  readonly scope: string;
  /** Signature in hex. */
  sign(stringToSign: string): string;
}

/** Length of a signature within a chunk header, padding included. */
export const CHUNK_SIGNATURE_LENGTH = { 'AWS4-HMAC-SHA256': 64, 'AWS4-ECDSA-P256-SHA256': 144 } as const;

/** Midnights, regions and services that one credential is used for at a time. */
const MAX_KEYS = 16;
const KEYS = new WeakMap<AwsCredential, BoundedCache<string, Buffer>>();
const EC_KEYS = new WeakMap<AwsCredential, KeyObject>();

export function awsStamp(nowMs: number): string {
  return `${new Date(nowMs).toISOString().slice(0, 19).replaceAll(/[-:]/g, '')}Z`;
}

export function createAwsSigner(credential: AwsCredential, wanted: AwsScope): AwsSigner {
  const { algorithm, stamp, region, service } = wanted;
  const date = stamp.slice(0, 8);
  if (algorithm === 'AWS4-HMAC-SHA256') {
    const scope = `${date}/${region}/${service}/aws4_request`;
    const key = hmacKey(credential, date, region, service);
    return { algorithm, stamp, scope, sign: (text) => createHmac('sha256', key).update(text, 'latin1').digest('hex') };
  }
  const key = ecdsaKey(credential);
  const scope = `${date}/${service}/aws4_request`;
  return { algorithm, stamp, scope, sign: (text) => sign('sha256', Buffer.from(text, 'latin1'), key).toString('hex') };
}

function hmacKey(credential: AwsCredential, date: string, region: string, service: string): Buffer {
  let keys = KEYS.get(credential);
  if (keys === undefined) KEYS.set(credential, (keys = new BoundedCache(MAX_KEYS)));
  const name = `${date}/${region}/${service}`;
  const known = keys.get(name);
  if (known !== undefined) return known;
  let key: Buffer = Buffer.concat([Buffer.from('AWS4'), credential.secretAccessKey.revealBytes()]);
  for (const part of [date, region, service, 'aws4_request']) key = createHmac('sha256', key).update(part).digest();
  keys.set(name, key);
  return key;
}

const P256_ORDER_LESS_2 = Buffer.from('ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc63254f', 'hex');

/** The key that AWS derives too: NIST SP 800-108 counter mode over HMAC-SHA256, drawn anew while it is out of range. */
function ecdsaKey(credential: AwsCredential): KeyObject {
  const known = EC_KEYS.get(credential);
  if (known !== undefined) return known;
  const input = Buffer.concat([Buffer.from('AWS4A'), credential.secretAccessKey.revealBytes()]);
  for (let counter = 1; counter <= 254; counter += 1) {
    const fixed = Buffer.concat([
      Buffer.from([0, 0, 0, 1]),
      Buffer.from('AWS4-ECDSA-P256-SHA256\0'),
      Buffer.from(credential.accessKeyId),
      Buffer.from([counter, 0, 0, 1, 0]),
    ]);
    const candidate = createHmac('sha256', input).update(fixed).digest();
    if (candidate.compare(P256_ORDER_LESS_2) > 0) continue;
    const key = privateKeyOf(plusOne(candidate));
    EC_KEYS.set(credential, key);
    return key;
  }
  throw new InjectionError('credential-invalid', 'no SigV4a key can be derived from the credential');
}

function plusOne(number: Buffer): Buffer {
  const sum = Buffer.from(number);
  for (let at = sum.length - 1; at >= 0; at -= 1) {
    sum[at] = ((sum[at] ?? 0) + 1) & 0xff;
    if (sum[at] !== 0) break;
  }
  return sum;
}

function privateKeyOf(scalar: Buffer): KeyObject {
  const pair = createECDH('prime256v1');
  pair.setPrivateKey(scalar);
  const point = pair.getPublicKey();
  const key = {
    kty: 'EC',
    crv: 'P-256',
    d: scalar.toString('base64url'),
    x: point.subarray(1, 33).toString('base64url'),
    y: point.subarray(33).toString('base64url'),
  };
  return createPrivateKey({ key, format: 'jwk' });
}
