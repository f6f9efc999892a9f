import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createHttpsFetcher } from '../../control-plane/outbound/https-fetcher.ts';
import type { OutboundRequest } from '../../control-plane/outbound/https-fetcher.ts';
import { startHttpsServer } from '../support/upstreams/https-server.ts';
import type { HttpsServer } from '../support/upstreams/https-server.ts';

const fetcher = createHttpsFetcher({ timeoutMs: 400, maxBodyBytes: 1000 });
const asked: string[] = [];
let server: HttpsServer;

beforeAll(async () => {
  server = await startHttpsServer((url) => (request, response) => {
    asked.push(request.url ?? '');
    switch (request.url) {
      case '/redirect':
        return response.writeHead(302, { location: `${url}/secret` }).end();
      case '/large':
        return response.end('x'.repeat(2000));
      case '/silent':
        return;
      case '/drip':
        response.write('x');
        return void setInterval(() => response.write('x'), 100).unref();
      default:
        return response.writeHead(200, { 'content-type': 'application/json' }).end('{"ok":true}');
    }
  });
});

afterAll(async () => {
  await fetcher.close();
  await server.close();
});

function ask(path: string, change: Partial<OutboundRequest> = {}) {
  const allowedAddresses = ['127.0.0.1/32', '::1/128'];
  return fetcher.fetch({
    tenant: 'acme',
    method: 'GET',
    url: `${server.url}${path}`,
    ca: server.caPem,
    allowedAddresses,
    ...change,
  });
}

describe('createHttpsFetcher', () => {
  test('answers with status, type and body', async () => {
    await expect(ask('/ok')).resolves.toEqual({ status: 200, body: '{"ok":true}' });
  });

  test('does not follow redirects', async () => {
    await expect(ask('/redirect')).resolves.toMatchObject({ status: 302 });
    expect(asked).not.toContain('/secret');
  });

  test('takes https alone, and no credentials in a URL', async () => {
    for (const url of [`http://localhost:${server.port}/ok`, `https://user:pass@localhost:${server.port}/ok`]) {
      await expect(ask('', { url })).rejects.toMatchObject({ code: 'outbound-url' });
    }
  });

  test('bounds size and time, also of an answer that drips', async () => {
    await expect(ask('/large')).rejects.toMatchObject({ code: 'outbound-too-large' });
    const startedAt = performance.now();
    await expect(ask('/silent')).rejects.toMatchObject({ code: 'outbound-failed' });
    await expect(ask('/drip')).rejects.toMatchObject({ code: 'outbound-failed' });
    expect(performance.now() - startedAt).toBeLessThan(20_000);
  });

  test('checks names by the addresses they resolve to, and literals in every spelling', async () => {
    const before = asked.length;
    for (const host of [
      'localhost',
      '127.0.0.1',
      '127.1',
      '2130706433',
      '0x7f.1',
      '[::1]',
      '[::ffff:127.0.0.1]',
      '169.254.169.254',
      '0.0.0.0',
    ]) {
      const refused = ask('/', { url: `https://${host}:${server.port}/`, allowedAddresses: [] });
      await expect(refused, host).rejects.toThrow(/refused by the address policy|cannot reach/);
    }
    expect(asked.length).toBe(before);
  });

  test('one set of allowed addresses or authorities does not serve another', async () => {
    await ask('/ok');
    await expect(ask('/ok', { allowedAddresses: ['127.0.0.2/32'] })).rejects.toMatchObject({ name: 'OutboundError' });
    await expect(ask('/ok', { ca: undefined })).rejects.toMatchObject({ code: 'outbound-failed' });
  });
});

test('of one tenant no two names are looked up at once: a name server that is silent holds up no other', async () => {
  const looked: string[] = [];
  const silent = createHttpsFetcher({ timeoutMs: 400, lookup: (host) => void looked.push(host) });
  const fetchFor = (tenant: string, host: string) =>
    expect(silent.fetch({ tenant, method: 'GET', url: `https://${host}/` })).rejects.toMatchObject({
      code: 'outbound-failed',
    });
  const asked = ['1', '2', '3'].map((at) => fetchFor('loud', `${at}.silent.example`));
  await expect.poll(() => looked).toEqual(['1.silent.example']);
  asked.push(fetchFor('acme', 'id.example'));
  await expect.poll(() => looked).toEqual(['1.silent.example', 'id.example']);
  await Promise.all(asked);
  expect(looked).toHaveLength(2);
  await silent.close();
});

test('what nobody waits for any more is not looked up', async () => {
  const answers: (() => void)[] = [];
  const looked: string[] = [];
  const slow = createHttpsFetcher({
    timeoutMs: 200,
    lookup: (host, _options, done) => {
      looked.push(host);
      answers.push(() => done(new Error('gone'), []));
    },
  });
  const ask = (host: string) => slow.fetch({ tenant: 'acme', method: 'GET', url: `https://${host}/` });
  await Promise.allSettled(['a.example', 'b.example', 'c.example'].map(ask));
  answers.shift()?.();
  const last = ask('d.example');
  await expect.poll(() => looked).toEqual(['a.example', 'd.example']);
  answers.shift()?.();
  await expect(last).rejects.toMatchObject({ code: 'outbound-failed' });
  await slow.close();
});
