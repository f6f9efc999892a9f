import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Injection } from '../../proto/gen/sidekey/v1/grant.ts';
import { PlaceholderLocation } from '../../proto/gen/sidekey/v1/route.ts';
import { bearer, grant, type ProxyWorld, route, SECRET, startProxyWorld } from '../support/proxy-world.ts';

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

describe('A-17 a placeholder sent elsewhere is refused', () => {
  test.each([
    ['to another header', '/', [`X-Other: ${MINE}`]],
    ['in the query', `/?q=${MINE}`, []],
    ['in the path', `/${MINE}`, []],
    ['twice', '/', [`Authorization: Bearer ${MINE}`, `X-Other: ${MINE}`]],
  ])('%s', async (_, path, headers) => {
    expect(await refusal(world.request('GET', path, headers))).toBe('placeholder-refused');
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
