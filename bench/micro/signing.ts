/**
 * What looking for its own signature in a call's answer costs: injected, signed and scrubbed with the scrubber of the call,
 * against the same call with a scrubber that was compiled before; in turns in one process, no sockets, the least of many rounds.
 *
 *     npx esbuild bench/micro/signing.ts --bundle --platform=node --format=esm | node --expose-gc --input-type=module -
 */
import { systemClock } from '../../common/clock.ts';
import { Secret } from '../../common/secret.ts';
import { AwsAlgorithm, Grant, type Injection } from '../../proto/gen/sidekey/v1/grant.ts';
import { injectCredential } from '../../proxy/credentials/inject.ts';
import { NO_CLAIMS } from '../../proxy/credentials/injection/scheme.ts';
import { compileScrubber } from '../../proxy/credentials/scrubbing/scrub.ts';
import { scrubHeaders } from '../../proxy/credentials/scrubbing/scrub-headers.ts';
import { DpopNonces } from '../../proxy/credentials/signing/dpop-nonces.ts';
import { SignedRequest } from '../../proxy/http/request/signed-request.ts';
import { HeaderList } from '../../proxy/protocols/header-list.ts';
import { createSigningKey } from '../../common/signing-key.ts';

const ROUNDS = 200;
const CALLS = 100;

const TOKEN = Buffer.from('Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU'.repeat(20));
const KEY = createSigningKey().export({ type: 'pkcs8', format: 'pem' });

const SCHEMES: Record<string, Injection['kind']> = {
  'AWS SigV4': {
    $case: 'awsSigv4',
    value: {
      accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
      secretAccessKey: Buffer.from('wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY'),
      sessionToken: TOKEN,
      service: 'dynamodb',
      regions: ['us-east-1'],
      algorithm: AwsAlgorithm.AWS_ALGORITHM_HMAC_SHA256,
    },
  },
  'HMAC-SHA256': {
    $case: 'hmac',
    value: {
      key: Buffer.from('0123456789abcdef0123456789abcdef'),
      algorithm: 'sha256',
      encoding: 'hex',
      timestamp: 'seconds',
      signed: '{{method}}\n{{target}}\n{{timestamp}}',
      headers: [{ name: 'X-Signature', value: '{{signature}}' }],
    },
  },
  DPoP: { $case: 'dpop', value: { accessToken: TOKEN, privateKey: Buffer.from(KEY) } },
};

/** `long-id`: S3's `x-amz-id-2` could be a signature for its length and letters, so that the search must be compiled. */
const ANSWERS: Record<string, string> = {
  usual: '6b7f4c7e-9c7d-4f43-8a0e-9f0f2f9f0a11',
  'long-id': 'vlR7PnpV2Ce81l0PRw6jlUpck7Jo5ZsQjryTjKlc5aLWGVHPZLj5NeC6qMa0emYBDXOo6QBU0Wo=',
};

const destination = { scheme: 'https', host: 'api.example.com', port: 443 };
const items = Array.from({ length: 8 }, (_, id) => ({ id, name: `item ${id}` }));
const body = Buffer.from(JSON.stringify({ items, next: 'abcdefghijklmnop' }));
const services = { clock: systemClock, dpopNonces: new DpopNonces() };

function call(grant: Grant, compiled: readonly Secret[] | undefined, requestId: string): void {
  const headers = HeaderList.from([
    ['Accept', 'application/json'],
    ['User-Agent', 'aws-sdk-js/3.0'],
  ]);
  const place = { destination, path: '/items', query: 'limit=8', cleartextAllowed: false };
  const request = { ...place, claims: NO_CLAIMS, method: 'GET', headers, hasBody: false };
  const injected = injectCredential(grant, request);
  const signed = new SignedRequest(injected.signatures, injected.secrets, services);
  signed.sign(undefined, undefined);
  const scrubber = compiled === undefined ? signed.scrubber() : compileScrubber(compiled);
  const answer = HeaderList.from([
    ['Content-Type', 'application/json'],
    ['Content-Length', String(body.length)],
    ['Date', 'Thu, 26 Nov 2026 04:30:00 GMT'],
    ['X-Request-Id', requestId],
  ]);
  scrubHeaders(answer, { scrubber, isAuthenticated: true });
  scrubber?.stream().pushLast(body);
}

function microseconds(one: () => void): number {
  const start = process.hrtime.bigint();
  for (let at = 0; at < CALLS; at += 1) one();
  return Number(process.hrtime.bigint() - start) / 1000 / CALLS;
}

/** What a call allocates; a figure below zero is of a round in which the collector ran. */
function allocated(one: () => void): number {
  globalThis.gc?.();
  const before = process.memoryUsage();
  for (let at = 0; at < CALLS; at += 1) one();
  const after = process.memoryUsage();
  return (after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers) / CALLS;
}

function compare(kind: Injection['kind'], requestId: string): string {
  const binding = { destination, method: 'GET' };
  const grant = Grant.fromPartial({ binding, injections: [{ kind }] });
  // Another array than the grant's, so that it is compiled for this alone; HMAC has no secret of its own to look for.
  const compiled = kind?.$case === 'hmac' ? [new Secret('0'.repeat(64))] : [new Secret(TOKEN)];
  const before = (): void => call(grant, compiled, requestId);
  const own = (): void => call(grant, undefined, requestId);
  const least = { before: Infinity, own: Infinity };
  for (let round = 0; round < ROUNDS; round += 1) {
    least.before = Math.min(least.before, microseconds(before));
    least.own = Math.min(least.own, microseconds(own));
  }
  const share = (100 * (least.own / least.before - 1)).toFixed(0);
  const more = (allocated(own) - allocated(before)).toFixed(0);
  return `${least.before.toFixed(1)} us compiled before, ${least.own.toFixed(1)} us with its own: ${share} %, ${more} bytes more`;
}

for (const [name, kind] of Object.entries(SCHEMES)) {
  for (const [answer, requestId] of Object.entries(ANSWERS)) {
    process.stdout.write(`${name}, ${answer}: ${compare(kind, requestId)}\n`);
  }
}
