import { createHmac, generateKeyPairSync } from 'node:crypto';
import type http from 'node:http';
import { EmbeddedJWK, jwtVerify } from 'jose';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Injection } from '../../../proto/gen/sidekey/v1/grant.ts';
import { grant, type ProxyWorld, startProxyWorld } from '../../support/proxy-world.ts';

const HMAC_KEY = 'whsec_5WbX5kEWLlfzsGNjH64I8lOOqUB6e8FH';
const TOKEN = 'Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU';
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });

const dpop: Injection = {
  kind: {
    $case: 'dpop',
    value: {
      accessToken: Buffer.from(TOKEN),
      privateKey: Buffer.from(privateKey.export({ type: 'pkcs8', format: 'pem' })),
    },
  },
};

function hmac(signed: string): Injection {
  const headers = [{ name: 'X-Signature', value: 't={{timestamp}},v1={{signature}}' }];
  const value = {
    key: Buffer.from(HMAC_KEY),
    algorithm: 'sha256',
    encoding: 'hex',
    timestamp: 'seconds',
    signed,
    headers,
  };
  return { kind: { $case: 'hmac', value } };
}

let world: ProxyWorld;
beforeAll(async () => {
  world = await startProxyWorld();
});
afterAll(() => world.close());
beforeEach(() => {
  world.upstream.handle(undefined);
  world.upstream.seen.length = 0;
});

describe('HMAC signatures through the proxy', () => {
  test('over the body, which is held for it and arrives whole', async () => {
    world.client.decide = (question) => grant(question, hmac('{{timestamp}}.{{body}}'));
    const agent = await world.agent();
    const body = '{"id":"evt_1"}';
    const head = ['Content-Length: 14', 'X-Signature: forged'];
    const answer = await agent.exchange(world.request('POST', '/hook', head, body), 'POST');
    expect(answer.status).toBe(200);
    const [seen] = world.upstream.seen;
    expect(seen?.body.toString()).toBe(body);
    const [, timestamp, signature] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(String(seen?.headers['x-signature'])) ?? [];
    expect(signature).toBe(createHmac('sha256', HMAC_KEY).update(`${timestamp}.${body}`).digest('hex'));
  });

  test('without the body nothing is held, and what it cannot sign is refused', async () => {
    world.client.decide = (question) => grant(question, hmac('{{method}}{{target}}{{header:X-Id}}'));
    const agent = await world.agent();
    const signed = await agent.exchange(world.request('GET', '/v1/orders?b=2&a=1', ['X-Id: 7']), 'GET');
    expect(signed.status).toBe(200);
    const value = String(world.upstream.seen[0]?.headers['x-signature']);
    expect(value).toContain(createHmac('sha256', HMAC_KEY).update('GET/v1/orders?b=2&a=17').digest('hex'));
    const refused = await (await world.agent()).exchange(world.request('GET', '/v1/orders'), 'GET');
    expect(refused.status).toBe(403);
    expect(refused.body.toString()).toContain('signature-refused');
  });
});

describe('DPoP through the proxy (RFC 9449)', () => {
  let nonce: string | undefined;
  let proofs: string[];

  /** A resource server that checks proofs with a library and, when it has a nonce, wants it. */
  async function serve(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const seen = await world.upstream.note(request);
    const { authorization, dpop: proof = '' } = request.headers;
    proofs.push(String(proof));
    const { payload } = await jwtVerify(String(proof), EmbeddedJWK, { typ: 'dpop+jwt', algorithms: ['ES256'] });
    if (payload['nonce'] !== nonce && nonce !== undefined) {
      response.writeHead(401, { 'DPoP-Nonce': nonce, 'WWW-Authenticate': 'DPoP error="use_dpop_nonce"' });
      response.end();
      return;
    }
    response.end(JSON.stringify({ ...payload, authorization, body: seen.body.toString() }));
  }

  beforeEach(() => {
    nonce = undefined;
    proofs = [];
    world.client.decide = (question) => grant(question, dpop);
    world.upstream.handle((request, response) => void serve(request, response).catch(() => response.destroy()));
  });

  test('a proof for each request, the token scrubbed from its echo', async () => {
    const agent = await world.agent();
    const heads = ['Authorization: DPoP own', 'DPoP: own'];
    const answer = await agent.exchange(world.request('GET', '/r?x=1', heads), 'GET');
    const shown = JSON.parse(answer.body.toString()) as Record<string, string>;
    expect(shown).toMatchObject({ htm: 'GET', htu: `http://api.test:${world.upstream.httpPort}/r` });
    expect(answer.body.toString()).not.toContain(TOKEN);
    expect(world.upstream.seen[0]?.headers.authorization).toBe(`DPoP ${TOKEN}`);
    await agent.exchange(world.request('GET', '/r'), 'GET');
    expect(new Set(proofs).size).toBe(2);
    expect(proofs).not.toContain('own');
  });

  test('a nonce that is asked for is used at once where nothing is lost, and remembered', async () => {
    nonce = 'first';
    const agent = await world.agent();
    expect((await agent.exchange(world.request('GET', '/r'), 'GET')).status).toBe(200);
    expect(proofs).toHaveLength(2);
    expect((await agent.exchange(world.request('GET', '/r'), 'GET')).status).toBe(200);
    expect(proofs).toHaveLength(3);
    nonce = 'second';
    const head = ['Content-Length: 1'];
    expect((await agent.exchange(world.request('POST', '/r', head, 'x'), 'POST')).status).toBe(401);
    expect((await agent.exchange(world.request('POST', '/r', head, 'x'), 'POST')).status).toBe(200);
    expect(proofs).toHaveLength(5);
  });

  test('a server that is never content is asked twice and no more', async () => {
    world.upstream.handle((request, response) => {
      proofs.push(String(request.headers['dpop']));
      response.writeHead(401, { 'DPoP-Nonce': `n${proofs.length}`, 'WWW-Authenticate': 'DPoP error="use_dpop_nonce"' });
      response.end();
    });
    const answer = await (await world.agent()).exchange(world.request('GET', '/r'), 'GET');
    expect(answer.status).toBe(401);
    expect(proofs).toHaveLength(2);
  });
});
