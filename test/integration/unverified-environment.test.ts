import { afterAll, beforeAll, expect, test } from 'vitest';
import { RestClient } from '../../cli/rest-client.ts';
import { Secret } from '../../common/secret.ts';
import { createHttpsFetcher } from '../../control-plane/outbound/https-fetcher.ts';
import { createRootAuthority } from '../../common/x509/authority.ts';
import { startHttpsServer, type HttpsServer } from '../support/upstreams/https-server.ts';

const NAME = 'NODE_TLS_REJECT_UNAUTHORIZED';
const before = process.env[NAME];
const asked: string[] = [];
let server: HttpsServer;

beforeAll(async () => {
  process.env[NAME] = '0';
  server = await startHttpsServer(() => (request, response) => {
    asked.push(request.headers.authorization ?? '');
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
  });
});

afterAll(async () => {
  await server.close();
  if (before === undefined) delete process.env[NAME];
  else process.env[NAME] = before;
});

const foreignCa = (): string => {
  const body = createRootAuthority('another').certificateDer.toString('base64');
  return `-----BEGIN CERTIFICATE-----\n${body}\n-----END CERTIFICATE-----\n`;
};

test('the administrator token is not shown to a server that cannot be verified, whatever Node is told', async () => {
  const client = new RestClient({ server: server.url, tenant: 'acme', token: new Secret('t'), caPem: foreignCa() });
  await expect(client.call('GET', '/v1/sessions')).rejects.toMatchObject({ exitCode: 4 });
  await client.close();
  expect(asked).toEqual([]);
});

test('nor is a client secret, or are keys taken from one', async () => {
  const fetcher = createHttpsFetcher({ timeoutMs: 5_000 });
  const headers = { authorization: 'Basic c2VjcmV0' };
  const wanted = { tenant: 'acme', method: 'POST', url: `${server.url}/token`, headers, ca: foreignCa() } as const;
  const allowedAddresses = ['127.0.0.1/32', '::1/128'];
  await expect(fetcher.fetch({ ...wanted, allowedAddresses })).rejects.toMatchObject({ code: 'outbound-failed' });
  await fetcher.close();
  expect(asked).toEqual([]);
});
