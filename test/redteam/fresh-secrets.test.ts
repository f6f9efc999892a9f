import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { fieldName } from '../../proxy/protocols/header-list.ts';
import { type InspectingWorld, startInspectingWorld } from '../support/worlds/inspecting-world.ts';
import { policySet } from '../support/control-plane/policy-set.ts';

const POLICY = policySet({
  ServerWorkload: { api: { hosts: ['api.example.com'] } },
  AccessPolicy: { rules: { clientWorkload: 'billing-agent', serverWorkload: 'api', rules: [{ paths: ['/token'] }] } },
});

let world: InspectingWorld;
beforeAll(async () => {
  world = await startInspectingWorld(POLICY, { maskedAnswerFields: ['access_token'] });
}, 60_000);
beforeEach(() => void world.client.records.splice(0));
afterAll(() => world.close());

const ASK = (): string =>
  world.request('POST', '/token', ['Content-Type: application/json', 'Content-Length: 2'], '{}');

describe('A-67 a fresh secret in an answer', () => {
  const TOKEN = 'fresh-1234567890';
  const BODY = `{"access_token" : "${TOKEN}", "n": 1, "\\u0061ccess_token":["${TOKEN}"]}`;

  test.each([
    ['as it is', {}, [Buffer.from(BODY)]],
    ['compressed', { 'content-encoding': 'gzip' }, [gzipSync(BODY)]],
    ['a byte at a time', {}, [...BODY].map((byte) => Buffer.from(byte))],
    ['of a declared length', { 'content-length': String(BODY.length) }, [Buffer.from(BODY)]],
    ['without a content type', { 'content-type': 'text/plain' }, [Buffer.from(BODY)]],
  ])('is masked %s', async (_title, headers, pieces) => {
    world.upstream.handle((request, response) => {
      request.resume();
      response.writeHead(200, { 'content-type': 'application/json', ...headers });
      for (const piece of pieces) response.write(piece);
      response.end();
    });
    const agent = await world.agent();
    const answer = await agent.exchange(ASK());
    expect(answer.text).toBe(BODY.replaceAll(TOKEN, '*'.repeat(TOKEN.length)));
  });

  test.each([
    ['CBOR', 'application/cbor', TOKEN],
    ['YAML', 'application/yaml', `access_token: ${TOKEN}`],
    ['a JWT', 'application/jwt', TOKEN],
    // ASP.NET Core writes it for `Accept-Charset: utf-16`.
    ['UTF-16', 'application/json; charset=utf-16', Buffer.from(BODY, 'utf16le')],
    ['two types', 'application/json, application/xml', `<access_token>${TOKEN}</access_token>`],
  ])('in a form that cannot be masked ends the answer: %s', async (_title, type, body) => {
    world.upstream.handle((request, response) => {
      request.resume();
      response.writeHead(200, { 'content-type': type }).end(body);
    });
    const agent = await world.agent();
    const answer = await agent.exchange(ASK());
    expect(answer.status).toBe(502);
    expect(answer.text.replaceAll('\0', '')).not.toContain(TOKEN);
  });

  test.each(['application/json', 'text/plain'])('in UTF-16 that does not say so ends the answer: %s', async (type) => {
    world.upstream.handle((request, response) => {
      request.resume();
      response.writeHead(200, { 'content-type': type }).end(Buffer.from(BODY, 'utf16le'));
    });
    const agent = await world.agent();
    await agent.send(ASK()).closed();
    expect(agent.received.toString('latin1').replaceAll('\0', '')).not.toContain(TOKEN);
    expect(world.decisions()).toEqual(['answer-refused POST']);
  });

  test.each(['application/json; charset=ISO-8859-1', 'text/html; charset="us-ascii"'])(
    'is masked in %s',
    async (type) => {
      world.upstream.handle((request, response) => {
        request.resume();
        response.writeHead(200, { 'content-type': type }).end(BODY);
      });
      const agent = await world.agent();
      expect((await agent.exchange(ASK())).text).toBe(BODY.replaceAll(TOKEN, '*'.repeat(TOKEN.length)));
    },
  );

  test('leaves what is not text as it is', async () => {
    const body = Buffer.from('\0\x01"access_token');
    world.upstream.handle((request, response) => {
      request.resume();
      response.writeHead(200, { 'content-type': 'image/png' }).end(body);
    });
    const agent = await world.agent();
    expect((await agent.exchange(ASK())).body).toEqual(body);
  });

  test('is masked in a form that says it is text', async () => {
    world.upstream.handle((request, response) => {
      request.resume();
      response.writeHead(200, { 'content-type': 'text/plain' }).end(`access_token=${TOKEN}&expires=1`);
    });
    const agent = await world.agent();
    const answer = await agent.exchange(ASK());
    expect(answer.text).toBe(`access_token=${'*'.repeat(TOKEN.length)}&expires=1`);
  });

  const DIGESTS = { etag: '"e"', 'content-md5': 'm', 'content-digest': 'd', 'repr-digest': 'r' };

  test.each([
    ['HEAD', 200],
    ['POST', 304],
  ])('is not told by a digest of the answer to %s, %i', async (method, status) => {
    world.upstream.handle((request, response) => {
      request.resume();
      response.writeHead(status, { 'content-type': 'application/json', ...DIGESTS }).end();
    });
    const agent = await world.agent();
    const answer = await agent.exchange(world.request(method, '/token', ['Content-Length: 0'], ''));
    expect(answer.status).toBe(status);
    for (const name of Object.keys(DIGESTS)) expect(answer.headers.get(fieldName(name))).toBeUndefined();
  });

  test('is not told by a digest in trailers', async () => {
    world.upstream.handle((request, response) => {
      request.resume();
      response.writeHead(200, { 'content-type': 'application/json', trailer: 'content-digest, x-other' });
      response.write(BODY);
      response.addTrailers({ ...DIGESTS, 'x-other': 'o' });
      response.end();
    });
    const agent = await world.agent();
    const head = ['TE: trailers', 'Connection: TE', 'Content-Length: 0'];
    const answer = await agent.exchange(world.request('POST', '/token', head, ''));
    expect(answer.trailers?.get('x-other')).toBe('o');
    for (const name of Object.keys(DIGESTS)) expect(answer.trailers?.get(fieldName(name))).toBeUndefined();
  });
});
