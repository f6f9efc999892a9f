import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeError } from '../../common/errors.ts';
import { JwksCache } from '../../control-plane/attestation/jwks-cache.ts';
import { createHttpsFetcher } from '../../control-plane/outbound/https-fetcher.ts';
import { type HttpsServer, startHttpsServer } from '../support/upstreams/https-server.ts';

// An issuer that a tenant trusts, or that somebody took over, against the control plane that asks it for keys.
const MEGABYTE = Buffer.alloc(1_048_576, 32);
const fetcher = createHttpsFetcher({ timeoutMs: 1_000 });
const asked: string[] = [];
let sent = 0;
let server: HttpsServer;
let errors: string[];

beforeAll(async () => {
  server = await startHttpsServer((url) => (request, response) => {
    const path = request.url ?? '';
    asked.push(path);
    const [, behaviour = '', rest = ''] = /^\/([^/]+)\/(.*)$/.exec(path) ?? [];
    const discover = (uri: string): void =>
      void response.end(JSON.stringify({ issuer: `${url}/${behaviour}`, jwks_uri: uri }));
    switch (behaviour) {
      case 'huge': {
        const more = (): void => {
          while (sent < 100 * MEGABYTE.length && !response.destroyed) {
            sent += MEGABYTE.length;
            if (!response.write(MEGABYTE)) return void response.once('drain', more);
          }
          response.end();
        };
        return more();
      }
      case 'drip': {
        const timer = setInterval(() => response.write(' '), 100);
        return void response.once('close', () => clearInterval(timer));
      }
      case 'redirect':
        return void response.writeHead(302, { location: `${url}/inner/keys` }).end();
      case 'deep':
        return void response.end('['.repeat(200_000));
      case 'many':
        if (rest === 'keys')
          return void response.end(JSON.stringify({ keys: Array.from({ length: 5_000 }, () => ({ kty: 'EC' })) }));
        return discover(`${url}/many/keys`);
      case 'cleartext':
        return discover(`http://localhost:${server.port}/inner/keys`);
      case 'metadata':
        return discover('https://169.254.169.254/latest/meta-data');
      case 'loopback':
        return discover(`https://127.0.0.2:${server.port}/inner/keys`);
      case 'password':
        return discover(`https://user:secret@localhost:${server.port}/inner/keys`);
      default:
        return void response.end('{"keys":[{"kty":"EC","kid":"inner"}]}');
    }
  });
});

afterAll(async () => {
  await fetcher.close();
  await server.close();
});

function keysOf(behaviour: string) {
  errors = [];
  const jwks = new JwksCache({ fetcher, onError: (error) => errors.push(describeError(error)) });
  const source = { ca: server.caPem, allowedAddresses: ['127.0.0.1/32', '::1/128'] };
  return jwks.keysFor('acme', `${server.url}/${behaviour}`, source, undefined);
}

test.each([
  ['huge', 'over the limit'],
  ['drip', 'cannot reach'],
  ['redirect', 'status 302'],
  ['deep', 'JSON'],
  ['cleartext', 'not https'],
  ['metadata', 'address policy'],
  ['loopback', 'address policy'],
  ['password', 'holds credentials'],
])('keys of an issuer whose document is %s are not there, and nothing else is asked', async (behaviour, why) => {
  await expect(keysOf(behaviour)).rejects.toMatchObject({ reason: 'evidence-keys-unavailable' });
  expect(errors.join('\n')).toContain(why);
  expect(errors.join('\n')).not.toContain('secret');
  expect(asked).not.toContain('/inner/keys');
});

test('of a huge document no more is read than is taken', async () => {
  await expect(keysOf('huge')).rejects.toThrow();
  expect(sent).toBeLessThan(50 * MEGABYTE.length);
});

test('many keys are all taken, as the length of their document is bounded', async () => {
  await expect(keysOf('many')).resolves.toHaveLength(5_000);
});
