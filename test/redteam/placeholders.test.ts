import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Outcome } from '../../proto/gen/sidekey/v1/decision.ts';
import type { Injection } from '../../proto/gen/sidekey/v1/grant.ts';
import { PlaceholderLocation } from '../../proto/gen/sidekey/v1/route.ts';
import { bearer, grant, type ProxyWorld, route, SECRET, startProxyWorld } from '../support/worlds/proxy-world.ts';

const MINE = `sk_placeholder_${'m'.repeat(43)}`;
const FORGED = `sk_placeholder_${'f'.repeat(43)}`;
const place = { location: PlaceholderLocation.PLACEHOLDER_LOCATION_HEADER, name: 'Authorization' };
const injection: Injection = {
  kind: { $case: 'placeholder', value: { placeholders: [MINE], place, value: Buffer.from(SECRET) } },
};

let world: ProxyWorld;
beforeEach(async () => {
  world = await startProxyWorld({
    allowLoopback: true,
    config: { unrouted: 'observe' },
    routes: ({ httpPort, httpsPort }) => [
      route({ ports: [httpPort, httpsPort], placeholders: [{ placeholder: MINE, place, environment: 'KEY' }] }),
    ],
  });
  world.client.decide = (question) => grant(question, injection);
});
afterEach(() => world.close());

async function refusal(request: string): Promise<string> {
  const agent = await world.agent();
  const { text } = await agent.exchange(request);
  expect(world.upstream.seen).toEqual([]);
  expect(text).not.toContain(SECRET);
  return JSON.parse(text).code;
}

test('in its place the placeholder becomes the credential, and an echo of it is scrubbed', async () => {
  world.upstream.handle((request, response) => response.end(`you sent ${request.headers.authorization}`));
  const agent = await world.agent();
  const answer = await agent.exchange(world.request('GET', '/', [`Authorization: Bearer ${MINE}`]));
  expect(answer.text).toBe(`you sent Bearer ${'*'.repeat(SECRET.length)}`);
  expect(world.client.records).toMatchObject([{ outcome: 1, removedCredentials: [], path: '/' }]);
});

test('in Basic, where SDKs put their keys, it becomes the credential, and no echo of it comes back', async () => {
  const basic = (password: string): string => `Basic ${Buffer.from(`me:${password}`).toString('base64')}`;
  world.upstream.handle((request, response) => {
    const sent = String(request.headers.authorization);
    response.end(`you sent ${sent} ${Buffer.from(sent).toString('base64')} ${Buffer.from(sent).toString('hex')}`);
  });
  const agent = await world.agent();
  const answer = await agent.exchange(world.request('GET', '/', [`Authorization: ${basic(MINE)}`]));
  // Beside the secret's own characters at most 4 bits at each end of it show (RFC 4648 section 4).
  const [inner, hex] = [basic(SECRET).slice(-36, -4), Buffer.from(basic(SECRET).slice(-36, -4)).toString('hex')];
  expect(answer.text).toMatch(/^you sent Basic bWU6/);
  for (const form of [inner, hex, Buffer.from(basic(SECRET)).toString('base64').slice(24, -8)]) {
    expect(answer.text).not.toContain(form);
  }
});

describe('A-17 a placeholder sent elsewhere is refused', () => {
  test.each([
    ['to another header', '/', [`X-Other: ${MINE}`]],
    ['in the query', `/?q=${MINE}`, []],
    ['in the path', `/${MINE}`, []],
    ['twice', '/', [`Authorization: Bearer ${MINE}`, `X-Other: ${MINE}`]],
  ])('%s', async (_, path, headers) => {
    expect(await refusal(world.request('GET', path, headers))).toBe('placeholder-refused');
  });

  test.each(['X-Other', 'X-Api-Key'])('in the trailer %s', async (name) => {
    const body = `5\r\nhello\r\n0\r\n${name}: ${MINE}\r\n\r\n`;
    expect(await refusal(world.request('POST', '/', ['Transfer-Encoding: chunked'], body))).toBe('placeholder-refused');
  });

  test('and recorded as what it is: denied, with what was sent', async () => {
    await refusal(world.request('GET', '/', [`X-Other: ${MINE}`]));
    await refusal(world.request('POST', '/', ['Content-Length: 58'], MINE));
    const denied = { outcome: 2, reason: 69, grantId: 'grant-1' };
    expect(world.client.records).toMatchObject([denied, { ...denied, requestBytes: MINE.length }]);
  });

  test.each([10, 20, 30, 45])('in a body, cut at byte %s', async (cut) => {
    const agent = await world.agent();
    const body = `{"note":"${MINE}"}`;
    const head = world.request('POST', '/', ['Content-Type: application/json', `Content-Length: ${body.length}`]);
    for (const piece of [head, body.slice(0, cut), body.slice(cut)]) {
      agent.send(piece);
      // Apart, so that they are read apart.
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(JSON.parse((await agent.answer('POST')).text).code).toBe('placeholder-refused');
    expect(world.upstream.seen).toEqual([]);
  });

  test.each([
    ['in Basic of a place without one', '/', [`X-Other: Basic ${Buffer.from(`me:${MINE}`).toString('base64')}`]],
    ['in base64 in the path', `/${Buffer.from(`.${MINE}`).toString('base64url')}`, []],
    ['with percent signs', `/?q=${MINE.replace('k', '%6B')}`, []],
    ['with escapes of JSON', '/', [`X-Json: "${MINE.replace('k', '\\u006b')}"`]],
  ])('encoded: %s', async (_, path, headers) => {
    expect(await refusal(world.request('GET', path, headers))).toBe('placeholder-refused');
    expect(world.client.records).toMatchObject([{ outcome: Outcome.OUTCOME_DENIED }]);
  });

  test('in trailers', async () => {
    const agent = await world.agent();
    const head = world.request('POST', '/', ['Transfer-Encoding: chunked', 'Trailer: X-Note']);
    agent.send(`${head}1\r\nx\r\n0\r\nX-Note: ${MINE}\r\n\r\n`);
    expect(JSON.parse((await agent.answer('POST')).text).code).toBe('placeholder-refused');
    expect(world.upstream.seen).toEqual([]);
  });

  test('to a host without a route', async () => {
    const { httpPort } = world.upstream;
    const head = `GET http://other.test:${httpPort}/ HTTP/1.1\r\nHost: other.test:${httpPort}\r\n`;
    expect(await refusal(`${head}X-Key: ${MINE}\r\n\r\n`)).toBe('placeholder-refused');
  });

  test('with OPTIONS, which carries no credential', async () => {
    const request = world.request('OPTIONS', '/', [`Authorization: Bearer ${MINE}`]);
    expect(await refusal(request)).toBe('placeholder-refused');
  });
});

test('A-18 a placeholder that the grant does not substitute is refused, not forwarded', async () => {
  world.client.decide = (question) => grant(question, undefined);
  expect(await refusal(world.request('GET', '/', [`Authorization: Bearer ${MINE}`]))).toBe('placeholder-refused');
  world.client.decide = (question) => grant(question, bearer(SECRET));
  expect(await refusal(world.request('GET', '/', [`Authorization: Bearer ${MINE}`]))).toBe('placeholder-refused');
});

describe('A-19 a forged placeholder, or that of another workload, is refused', () => {
  test.each([FORGED, `${MINE}m`, MINE.toUpperCase().replace('SK_PLACEHOLDER_', 'sk_placeholder_')])(
    '%s',
    async (text) => {
      expect(await refusal(world.request('GET', '/', [`Authorization: Bearer ${text}`]))).toBe('placeholder-refused');
    },
  );
});
