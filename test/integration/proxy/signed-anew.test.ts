import { createHmac } from 'node:crypto';
import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { decodeJwt } from 'jose';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Injection } from '../../../proto/gen/sidekey/v1/grant.ts';
import { ask, http2Agent } from '../../support/agents/http2-agent.ts';
import { HOSTS, grant, type ProxyWorld, routeTo, startProxyWorld } from '../../support/worlds/proxy-world.ts';
import { makeTlsIdentity } from '../../support/tls-identity.ts';
import { createSigningKey } from '../../../common/signing-key.ts';

const KEY = 'whsec_5WbX5kEWLlfzsGNjH64I8lOOqUB6e8FH';
const privateKey = createSigningKey();
const privateKeyPem = Buffer.from(privateKey.export({ type: 'pkcs8', format: 'pem' }));
const dpop: Injection = {
  kind: { $case: 'dpop', value: { accessToken: Buffer.from('Kz8mXK1EalYznwHLC1fBAo'), privateKey: privateKeyPem } },
};

function hmac(signed: string): Injection {
  const headers = [{ name: 'X-Signature', value: '{{nonce}} {{signature}}' }];
  const form = { algorithm: 'sha256', encoding: 'hex', timestamp: 'seconds', headers };
  return { kind: { $case: 'hmac', value: { ...form, key: Buffer.from(KEY), signed } } };
}

interface Seen {
  readonly headers: http2.IncomingHttpHeaders;
  readonly body: string;
}

let world: ProxyWorld;
let server: http2.Http2SecureServer;
let seen: Seen[];
beforeEach(async () => {
  seen = [];
  const { caPem, ...identity } = makeTlsIdentity(HOSTS);
  server = http2.createSecureServer(identity);
  server.on('stream', (stream, headers) => {
    stream.on('error', () => {});
    buffer(stream).then(
      (body) => {
        seen.push({ headers, body: body.toString() });
        // It says that it has not acted on the first (RFC 9113 8.7).
        if (seen.length === 1) return stream.close(http2.constants.NGHTTP2_REFUSED_STREAM);
        stream.respond({ ':status': 200 });
        stream.end('ok');
      },
      () => {},
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  world = await startProxyWorld({ routes: () => [routeTo({ port, caPem }, 'api.test')] });
});
afterEach(async () => {
  await world.close();
  server.close();
});

async function send(injection: Injection, body?: string): Promise<string> {
  world.client.decide = (question) => grant(question, injection);
  const { port } = server.address() as AddressInfo;
  const { tls } = await world.tlsAgent('api.test', port, { ALPNProtocols: ['h2'] });
  const session = http2Agent(tls, `api.test:${port}`);
  const method = body === undefined ? 'GET' : 'POST';
  const answer = await ask(
    session,
    { ':path': '/r', ':method': method },
    body === undefined ? body : Buffer.from(body),
  );
  session.destroy();
  expect(seen).toHaveLength(2);
  return `${answer.status} ${answer.body.toString()}`;
}

describe('a call that its upstream refused and is sent again', () => {
  test.each([undefined, 'the body'])('has a new DPoP proof, with body %j', async (body) => {
    expect(await send(dpop, body)).toBe('200 ok');
    const ids = seen.map(({ headers }) => decodeJwt(String(headers['dpop'])).jti);
    expect(new Set(ids).size).toBe(2);
  });

  test('has a new nonce, where no body is signed', async () => {
    expect(await send(hmac('{{nonce}}{{target}}'), 'the body')).toBe('200 ok');
    const signatures = seen.map(({ headers }) => String(headers['x-signature']).split(' '));
    expect(new Set(signatures.map(([nonce]) => nonce)).size).toBe(2);
    for (const [nonce, signature] of signatures)
      expect(signature).toBe(createHmac('sha256', KEY).update(`${nonce}/r`).digest('hex'));
  });

  test('has the signature of the same body', async () => {
    expect(await send(hmac('{{body}}'), 'the body')).toBe('200 ok');
    expect(seen.map(({ body }) => body)).toEqual(['the body', 'the body']);
    const expected = createHmac('sha256', KEY).update('the body').digest('hex');
    for (const { headers } of seen) expect(headers['x-signature']).toMatch(new RegExp(` ${expected}$`));
  });
});
