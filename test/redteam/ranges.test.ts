import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { bearer, grant, type ProxyWorld, startProxyWorld } from '../support/worlds/proxy-world.ts';

const SECRET = 'sk-live-4f9a+Zq/7Kc=81xYtWm-0123456789-abcdefghij';
const LONGEST_GLIMPSE = 7;

let world: ProxyWorld;
/** The representation that the upstream serves with ranges, made from the credential that it was sent. */
let represent: (credential: string) => string;
let asked: (string | undefined)[];
beforeEach(async () => {
  world = await startProxyWorld();
  world.client.decide = (question) => grant(question, bearer(SECRET));
  asked = [];
  world.upstream.handle((request, response) => {
    const whole = Buffer.from(represent((request.headers.authorization ?? '').slice('Bearer '.length)));
    const { range } = request.headers;
    asked.push(range);
    const [, first = '', last = ''] = /^bytes=(\d*)-(\d*)$/.exec(range ?? '') ?? [];
    if (range === undefined || (first === '' && last === '')) return void response.end(whole);
    const from = first === '' ? Math.max(0, whole.length - Number(last)) : Number(first);
    const to = Math.min(whole.length, first === '' || last === '' ? whole.length : Number(last) + 1);
    response.writeHead(206, {
      'content-range': `bytes ${from}-${to - 1}/${whole.length}`,
      'content-length': to - from,
    });
    response.end(whole.subarray(from, to));
  });
});
afterEach(() => world.close());

function glimpse(text: string): string {
  let longest = '';
  for (let from = 0; from < SECRET.length; from += 1) {
    let to = from + longest.length + 1;
    while (to <= SECRET.length && text.includes(SECRET.slice(from, to))) longest = SECRET.slice(from, to++);
  }
  return longest;
}

describe('A-01 an echo that is read in pieces', () => {
  test.each([
    ['raw', (credential: string) => credential],
    [
      'percent-encoded',
      (credential: string) => Array.from(credential, (char) => `%${char.charCodeAt(0).toString(16)}`).join(''),
    ],
  ])('%s: ranges that walk over it show no more of it than a glimpse', async (_name, encode) => {
    represent = (credential) => `${'a'.repeat(5_000)}${encode(credential)}${'z'.repeat(5_000)}`;
    const length = represent(SECRET).length - 10_000;
    const agent = await world.agent();
    const step = length > 100 ? 3 : 1;
    for (let at = -9; at < length + 9; at += step) {
      for (const range of [`${5_000 + at}-`, `${5_000 + at}-${5_000 + at + 4_200}`, `${800 + at}-${5_000 + at}`]) {
        const answer = await agent.exchange(world.request('GET', '/', [`Range: bytes=${range}`]));
        expect(answer.status).toBe(206);
        const decoded = answer.text.replaceAll(/%([0-9a-f]{2})/g, (_all, pair: string) =>
          String.fromCharCode(Number.parseInt(pair, 16)),
        );
        expect(glimpse(decoded).length).toBeLessThanOrEqual(LONGEST_GLIMPSE);
      }
    }
    expect(asked.every((range) => range !== undefined)).toBe(true);
  });

  test('an echo that the agent has cut short shows no more at its end', async () => {
    const agent = await world.agent();
    for (let cut = 1; cut <= SECRET.length; cut += 1) {
      represent = (credential) => 'a'.repeat(5_000) + credential.slice(0, cut);
      for (const first of [4_990, 5_000 + cut - 2, 5_000 + cut - 5]) {
        const answer = await agent.exchange(world.request('GET', '/', [`Range: bytes=${first}-`]));
        expect(glimpse(answer.text).length).toBeLessThanOrEqual(LONGEST_GLIMPSE);
      }
    }
  });

  test.each(['bytes=5000-5003', 'bytes=-10', 'bytes=0-0,5000-9999', 'bytes=5000-5999, 6000-9999', 'lines=1-9999'])(
    '%s is not asked: the whole comes, without the secret',
    async (range) => {
      represent = (credential) => 'a'.repeat(5_000) + credential + 'z'.repeat(5_000);
      const agent = await world.agent();
      const answer = await agent.exchange(world.request('GET', '/', [`Range: ${range}`, 'If-Range: "x"']));
      expect([answer.status, answer.body.length, asked]).toEqual([200, 10_000 + SECRET.length, [undefined]]);
      expect(glimpse(answer.text).length).toBeLessThanOrEqual(1);
    },
  );

  test('with a short secret no part is asked for', async () => {
    world.client.decide = (question) => grant(question, bearer('only-20-characters-x'));
    represent = () => 'a'.repeat(9_000);
    const agent = await world.agent();
    expect((await agent.exchange(world.request('GET', '/', ['Range: bytes=10-']))).status).toBe(200);
  });

  test('If-Range stays with its Range', async () => {
    represent = () => 'a'.repeat(9_000);
    const agent = await world.agent();
    await agent.exchange(world.request('GET', '/', ['Range: bytes=10-', 'If-Range: "v1"']));
    expect(asked).toEqual(['bytes=10-']);
  });
});

test('A-01 a part that is asked for under another name is not asked for', async () => {
  world.upstream.handle(undefined);
  const agent = await world.agent();
  await agent.exchange(world.request('GET', '/', ['X-Ms-Range: bytes=5-140', 'Request-Range: bytes=5-140']));
  const headers = world.upstream.seen[0]?.headers;
  expect(headers?.authorization).toBe(`Bearer ${SECRET}`);
  expect([headers?.['x-ms-range'], headers?.['request-range'], headers?.range]).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
});
