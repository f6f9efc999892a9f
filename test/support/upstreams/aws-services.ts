import type http from 'node:http';
import { crc32 } from 'node:zlib';
import { type KnownKey, type ReceivedRequest, verifyAwsSignature } from './aws-verifier.ts';
import type { SeenRequest, Upstream } from './upstream.ts';

/** Objects and items that the services hold, and what they refused. */
export interface AwsServices {
  readonly objects: Map<string, Buffer>;
  readonly refused: string[];
  /** Modes of `x-amz-content-sha256` seen, with hashes as `hash`. */
  readonly modes: Set<string>;
}

/** Turns the upstream into a little S3 and DynamoDB that answer nothing whose signature does not verify. */
export function serveAws(upstream: Upstream, key: KnownKey): AwsServices {
  const services: AwsServices = { objects: new Map(), refused: [], modes: new Set() };
  upstream.handle((request, response) => {
    upstream
      .note(request)
      .then((seen) => answer(services, key, seen, response))
      .catch((error: unknown) => response.destroy(error instanceof Error ? error : new Error(String(error))));
  });
  return services;
}

async function answer(
  services: AwsServices,
  key: KnownKey,
  seen: SeenRequest,
  response: http.ServerResponse,
): Promise<unknown> {
  const received = receivedOf(seen);
  const problem = (await verifyAwsSignature(received, key)) ?? wrongBody(received);
  if (problem !== undefined) {
    services.refused.push(problem);
    response.statusCode = 403;
    response.setHeader('content-type', 'application/xml');
    return response.end(`<Error><Code>SignatureDoesNotMatch</Code><Message>${encodeURI(problem)}</Message></Error>`);
  }
  const mode = received.headers['x-amz-content-sha256'] ?? 'none';
  services.modes.add(/^[0-9a-f]{64}$/.test(mode) ? 'hash' : mode);
  if (received.headers['x-amz-target'] !== undefined) return answerDynamo(services, received, response);
  return answerS3(services, received, response);
}

function answerS3(
  { objects }: AwsServices,
  { method, target, headers, body }: ReceivedRequest,
  response: http.ServerResponse,
): unknown {
  const path = decodeURIComponent(target.split('?', 1)[0] ?? '');
  const object = objects.get(path);
  if (method === 'PUT') objects.set(path, decodedBody(headers, body));
  else if (method === 'DELETE') objects.delete(path);
  else if (target.includes('list-type=2')) {
    const keys = [...objects.keys()].map((name) => `<Contents><Key>${name.slice(8)}</Key></Contents>`);
    response.setHeader('content-type', 'application/xml');
    return response.end(`<ListBucketResult><Name>bucket</Name>${keys.join('')}</ListBucketResult>`);
  } else if (object === undefined) response.statusCode = 404;
  else return response.end(object);
  return response.end();
}

function answerDynamo(
  { objects }: AwsServices,
  { body, headers }: ReceivedRequest,
  response: http.ServerResponse,
): unknown {
  response.setHeader('content-type', 'application/x-amz-json-1.0');
  if (headers['x-amz-target']?.endsWith('.PutItem')) {
    objects.set('item', Buffer.from(body));
    return response.end('{}');
  }
  const { Item } = JSON.parse(String(objects.get('item') ?? '{}')) as { Item?: unknown };
  return response.end(JSON.stringify({ Item }));
}

/** The body that an aws-chunked one stands for; its trailing CRC-32 was checked. */
function decodedBody(headers: ReceivedRequest['headers'], body: Uint8Array): Buffer {
  return headers['x-amz-trailer'] === undefined ? Buffer.from(body) : readChunks(Buffer.from(body)).data;
}

function wrongBody({ headers, body }: ReceivedRequest): string | undefined {
  const { 'x-amz-trailer': trailer, 'x-amz-decoded-content-length': length } = headers;
  if (trailer === undefined) return undefined;
  const { data, trailers } = readChunks(Buffer.from(body));
  if (data.length !== Number(length)) return `decoded length is ${data.length}, announced ${length}`;
  const checksum = Buffer.alloc(4);
  checksum.writeUInt32BE(crc32(data));
  const expected = `x-amz-checksum-crc32:${checksum.toString('base64')}`;
  return trailers.trim() === expected ? undefined : `trailers are ${trailers}, expected ${expected}`;
}

function readChunks(body: Buffer): { data: Buffer; trailers: string } {
  const chunks: Buffer[] = [];
  for (let at = 0; ; ) {
    const end = body.indexOf('\r\n', at);
    const size = Number.parseInt(body.toString('latin1', at, end), 16);
    if (!(size >= 0)) throw new Error('the aws-chunked body is broken');
    if (size === 0) return { data: Buffer.concat(chunks), trailers: body.toString('latin1', end + 2) };
    chunks.push(body.subarray(end + 2, end + 2 + size));
    at = end + 2 + size + 2;
  }
}

function receivedOf({ method, target, rawHeaders, body }: SeenRequest): ReceivedRequest {
  const headers: Record<string, string> = {};
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = (rawHeaders[at] ?? '').toLowerCase();
    const value = rawHeaders[at + 1] ?? '';
    headers[name] = headers[name] === undefined ? value : `${headers[name]},${value}`;
  }
  return { method, target, headers, body };
}
