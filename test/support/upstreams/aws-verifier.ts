import { createHash, createHmac } from 'node:crypto';
import { SignatureV4 } from '@smithy/signature-v4';

/** One request as a service receives it. */
export interface ReceivedRequest {
  readonly method: string;
  /** Path and query, as sent. */
  readonly target: string;
  /** Lower case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

export interface KnownKey {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/** What smithy's signer wants of a hash. */
export class Sha256 {
  readonly #secret: Uint8Array | undefined;
  readonly #parts: Uint8Array[] = [];

  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.#secret = secret === undefined ? undefined : bytesOf(secret);
  }

  update(data: string | ArrayBuffer | ArrayBufferView): void {
    this.#parts.push(bytesOf(data));
  }

  async digest(): Promise<Uint8Array> {
    const hash = this.#secret === undefined ? createHash('sha256') : createHmac('sha256', this.#secret);
    for (const part of this.#parts) hash.update(part);
    return hash.digest();
  }

  reset(): void {
    this.#parts.length = 0;
  }
}

function bytesOf(data: string | ArrayBuffer | ArrayBufferView): Uint8Array {
  if (typeof data === 'string') return Buffer.from(data);
  return ArrayBuffer.isView(data)
    ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    : new Uint8Array(data);
}

/**
 * Signs the request as AWS's own signer (`@smithy/signature-v4`) would, over the headers that its Authorization names, and
 * compares: a second reading of the specification, which shares nothing with the proxy's.
 *
 * @returns what is wrong, or undefined.
 */
export async function verifyAwsSignature(request: ReceivedRequest, key: KnownKey): Promise<string | undefined> {
  const given = request.headers['authorization'] ?? '';
  const match =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/\d{8}\/([^/]+)\/([^/]+)\/aws4_request, SignedHeaders=([^,]+), Signature=\w+$/.exec(
      given,
    );
  if (match === null) return `Authorization is malformed: ${given}`;
  const [, accessKeyId, region = '', service = '', names = ''] = match;
  if (accessKeyId !== key.accessKeyId) return `unknown access key ${accessKeyId}`;
  if (request.headers['x-amz-security-token'] !== key.sessionToken) return 'wrong session token';
  const signed = names.split(';');
  const unsigned = Object.keys(request.headers).filter((name) => name.startsWith('x-amz-') && !signed.includes(name));
  if (!signed.includes('host') || unsigned.length > 0) return `unsigned: ${unsigned.join()}`;
  const signer = new SignatureV4({
    service,
    region,
    credentials: key,
    sha256: Sha256,
    uriEscapePath: service !== 's3',
    applyChecksum: false,
  });
  const again = await signer.sign(smithyRequest(request, signed, service === 's3'), {
    signingDate: dateOf(request.headers['x-amz-date'] ?? ''),
    signableHeaders: new Set(signed),
  });
  const expected = again.headers['authorization'];
  return expected === given ? undefined : `expected ${expected}, got ${given}`;
}

function smithyRequest({ method, target, headers, body }: ReceivedRequest, signed: readonly string[], once: boolean) {
  const question = target.indexOf('?');
  const path = question === -1 ? target : target.slice(0, question);
  const query: Record<string, string[]> = {};
  for (const piece of question === -1 ? [] : target.slice(question + 1).split('&')) {
    const [name = '', value = ''] = piece.split(/=(.*)/s).map(decodeURIComponent);
    (query[name] ??= []).push(value);
  }
  return {
    method,
    protocol: 'https:',
    hostname: headers['host'] ?? '',
    // S3 decodes the path and encodes it again in its own way.
    path: once
      ? path
          .split('/')
          .map((segment) => strictly(decodeURIComponent(segment)))
          .join('/')
      : path,
    query,
    headers: Object.fromEntries(signed.map((name) => [name, headers[name] ?? ''])),
    body,
  };
}

function strictly(text: string): string {
  return encodeURIComponent(text).replaceAll(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}

function dateOf(stamp: string): Date {
  return new Date(stamp.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'));
}
