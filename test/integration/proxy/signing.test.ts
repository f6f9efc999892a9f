import { createHmac } from 'node:crypto';
import type http from 'node:http';
import { decodeJwt, EmbeddedJWK, jwtVerify } from 'jose';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { AwsAlgorithm, type Injection } from '../../../proto/gen/sidekey/v1/grant.ts';
import { grant, type ProxyWorld, route, startProxyWorld } from '../../support/worlds/proxy-world.ts';
import { renderings } from '../../support/protocols/renderings.ts';
import { startRawUpstream } from '../../support/upstreams/upstream.ts';
import { createSigningKey } from '../../../common/signing-key.ts';

const HMAC_KEY = 'whsec_5WbX5kEWLlfzsGNjH64I8lOOqUB6e8FH';
const TOKEN = 'Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU';
const privateKey = createSigningKey();

const dpop: Injection = {
  kind: {
    $case: 'dpop',
    value: {
      accessToken: Buffer.from(TOKEN),
      privateKey: Buffer.from(privateKey.export({ type: 'pkcs8', format: 'pem' })),
    },
  },
};

function hmac(signed: string, encoding = 'hex'): Injection {
  const headers = [{ name: 'X-Signature', value: 't={{timestamp}},v1={{signature}}' }];
  const value = {
    key: Buffer.from(HMAC_KEY),
    algorithm: 'sha256',
    encoding,
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

/** An upstream that sends back, in its head and its body, the fields that it was sent. */
function echo(request: http.IncomingMessage, response: http.ServerResponse): void {
  const shown = Object.entries(request.headers).map(([name, value]) => `${name}: ${String(value)}`);
  const text = shown.join('\n');
  response.setHeader('X-Echo', shown.join(' '));
  response.end(`${text}\n${Buffer.from(text).toString('base64')}\n${encodeURIComponent(text)}`);
}

describe('what signs a call does not come back to the agent, who could send the same once more', () => {
  const aws: Injection = {
    kind: {
      $case: 'awsSigv4',
      value: {
        accessKeyId: 'AKIDEXAMPLE',
        secretAccessKey: Buffer.from('wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY'),
        sessionToken: Buffer.alloc(0),
        service: 'service',
        regions: ['us-east-1'],
        algorithm: AwsAlgorithm.AWS_ALGORITHM_HMAC_SHA256,
      },
    },
  };

  test.each<[string, Injection, string, RegExp]>([
    ['HMAC in hex', hmac('{{timestamp}}{{target}}'), 'x-signature', /v1=([0-9a-f]{64})$/],
    ['HMAC in base64', hmac('{{target}}', 'base64'), 'x-signature', /v1=([A-Za-z0-9+/]{43})=$/],
    ['HMAC in base64url', hmac('{{target}}', 'base64url'), 'x-signature', /v1=([\w-]{43})$/],
    ['SigV4', aws, 'authorization', /Signature=([0-9a-f]{64})$/],
    ['a DPoP proof', dpop, 'dpop', /\.([\w-]{86})$/],
  ])('%s', async (_, injection, field, form) => {
    world.client.decide = (question) => grant(question, injection);
    const sent: string[] = [];
    world.upstream.handle((request, response) => {
      sent.push(form.exec(String(request.headers[field]))?.[1] ?? '');
      echo(request, response);
    });
    const agent = await world.agent();
    // The second call has a signature of its own, under the same grant.
    for (const path of ['/first', '/second']) {
      const answer = await agent.exchange(world.request('GET', path, ['Accept-Encoding: gzip', 'X-Own: 7']), 'GET');
      expect(answer.status).toBe(200);
      expect(answer.body.toString()).toContain('x-own: 7');
    }
    expect(new Set(sent).size).toBe(2);
    const received = agent.received.toString('latin1');
    for (const signature of sent) {
      expect(signature.length).toBeGreaterThan(42);
      for (const [name, text] of renderings(signature)) expect(received.includes(text), name).toBe(false);
    }
    expect(world.client.records.at(-1)?.scrubbed).toBeGreaterThan(0);
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

  test('a call that is sent again, as its kept connection was closed, has a proof of its own (RFC 9449 11.1)', async () => {
    const raw = await startRawUpstream((socket, connection) => {
      let requests = 0;
      socket.on('data', (bytes) => {
        proofs.push(/^dpop: (.+)$/im.exec(bytes.toString('latin1'))?.[1] ?? '');
        requests += 1;
        if (connection === 1 && requests === 2) return void socket.resetAndDestroy();
        const shown = Buffer.from(proofs.join('\n'));
        socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${shown.length}\r\n\r\n${shown}`);
      });
    });
    world.client.setRoutes([route({ ports: [raw.port] })]);
    const agent = await world.agent();
    const head = `GET http://api.test:${raw.port}/r HTTP/1.1\r\nHost: api.test:${raw.port}\r\n\r\n`;
    await agent.exchange(head);
    const answer = await agent.exchange(head);
    await raw.close();
    const { httpPort, httpsPort } = world.upstream;
    world.client.setRoutes([route({ ports: [httpPort, httpsPort] })]);
    const ids = proofs.map((proof) => decodeJwt(proof).jti);
    expect(ids).toHaveLength(3);
    expect(new Set(ids).size).toBe(3);
    // Of both sendings none comes back.
    for (const proof of proofs.slice(1)) expect(answer.text).not.toContain(proof.slice(proof.lastIndexOf('.')));
  });
});
