import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { ProxyAgent, request } from 'undici';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { type ProcessEnd, runProcess } from '../../support/process.ts';
import { type SeenApi, startSeenApi } from '../../support/upstreams/seen-api.ts';
import { until } from '../../support/until.ts';
import { loopbackServer } from '../../support/worlds/world-policy.ts';
import { World } from '../../support/worlds/world.ts';

// The whole path: placeholders that the control plane made, an agent's clients, a proxy that asks the control plane.
const KEY = `${randomBytes(18).toString('base64url')}+/=`;
const BASIC_KEY = randomBytes(18).toString('base64url');
const PYTHON = '/usr/bin/python3';
const HAS_REQUESTS = spawnSync(PYTHON, ['-c', 'import requests']).status === 0;
const JSON_TYPE = { 'content-type': 'application/json' };
const FORM_TYPE = { 'content-type': 'application/x-www-form-urlencoded' };

const PLACES = {
  header: { in: 'header', name: 'X-Api-Key' },
  query: { in: 'query', name: 'key' },
  cookie: { in: 'cookie', name: 'sid' },
  path: { in: 'path' },
  json: { in: 'json', name: '/auth/key' },
  form: { in: 'form', name: 'secret' },
  basic: { in: 'header', name: 'Authorization' },
} as const;
type Place = keyof typeof PLACES;

interface Sent {
  readonly path: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
}

let world: World;
let api: SeenApi;
let dispatcher: ProxyAgent;
let mine: Record<string, string>;
let others: string;

async function placeholdersOf(workload: string): Promise<Record<string, string>> {
  const { body } = await world.rest('GET', `/v1/placeholders?workload=${workload}`);
  const { placeholders } = body as { placeholders: { environment: string; placeholder: string }[] };
  return Object.fromEntries(placeholders.map(({ environment, placeholder }) => [environment, placeholder]));
}

beforeAll(async () => {
  world = await World.start();
  api = await startSeenApi();
  dispatcher = new ProxyAgent({ uri: world.proxyUrl, requestTls: { ca: readFileSync(world.proxyCaFile) } });
  const policies = Object.entries(PLACES).map(([name, place]): [string, string, object] => {
    const provider = name === 'basic' ? 'basic-key' : 'key';
    const inject = { type: 'placeholder', ...place, environment: provider === 'key' ? 'KEY' : 'BASIC_KEY' };
    const rules = [{ paths: [`/${name}`, `/${name}/**`] }];
    return [
      'AccessPolicy',
      name,
      { clientWorkload: 'agent', serverWorkload: 'seen', rules, credentials: [{ provider, inject }] },
    ];
  });
  await world.apply(
    ['ServerWorkload', 'seen', loopbackServer(api)],
    ['ClientWorkload', 'other', { selectors: { all: [{ claim: 'oidc.sub', equals: 'other' }] } }],
    ['CredentialProvider', 'key', { type: 'static', secret: { value: KEY } }],
    ['CredentialProvider', 'basic-key', { type: 'static', secret: { value: BASIC_KEY } }],
    ...policies,
    [
      'AccessPolicy',
      'other',
      {
        clientWorkload: 'other',
        serverWorkload: 'seen',
        credentials: [{ provider: 'key', inject: { type: 'placeholder', ...PLACES.header, environment: 'KEY' } }],
      },
    ],
  );
  await until('the new route arrives', () => world.proxy.client.routes().length === 2, 20_000);
  mine = await placeholdersOf('agent');
  others = (await placeholdersOf('other'))['KEY'] ?? '';
}, 120_000);
beforeEach(() => {
  api.seen.length = 0;
});
afterAll(async () => {
  await dispatcher?.close();
  await world?.close();
  await api?.close();
});

/** A real SDK's way to send it, at this place. */
function at(place: Place, placeholder: string): Sent {
  const path = `/${place}`;
  switch (place) {
    case 'header':
      return { path, headers: { 'x-api-key': placeholder } };
    case 'query':
      return { path: `${path}?a=1&key=${placeholder}&b=2` };
    case 'cookie':
      return { path, headers: { cookie: `theme=dark; sid=${placeholder}` } };
    case 'path':
      return { path: `${path}/bot${placeholder}/getMe` };
    case 'json':
      return { path, headers: JSON_TYPE, body: JSON.stringify({ auth: { key: placeholder }, n: [1, 2] }) };
    case 'form':
      return { path, headers: FORM_TYPE, body: new URLSearchParams({ a: '1', secret: placeholder }).toString() };
    case 'basic':
      return { path, headers: { authorization: basic(placeholder, '') } };
  }
}

function basic(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}

const placeholderAt = (place: Place): string => mine[place === 'basic' ? 'BASIC_KEY' : 'KEY'] ?? '';

async function send({ path, headers = {}, body }: Sent): Promise<{ status: number; text: string }> {
  const answer = await request(api.url + path, {
    dispatcher,
    method: body === undefined ? 'GET' : 'POST',
    headers,
    ...(body === undefined ? {} : { body }),
  });
  return { status: answer.statusCode, text: await answer.body.text() };
}

/** No credential in any form came back. */
function expectScrubbed(text: string, key: string): void {
  for (const form of [key, encodeURIComponent(key), Buffer.from(key).toString('base64').slice(0, -4)]) {
    expect(text).not.toContain(form);
  }
}

async function expectRefused(sent: Sent): Promise<string> {
  const { status, text } = await send(sent);
  expect({ status, ...JSON.parse(text) }).toMatchObject({ status: 403, code: 'placeholder-refused' });
  expect(api.seen).toEqual([]);
  return text;
}

describe('a placeholder of the control plane becomes the credential on its way to the API', () => {
  const encoded = encodeURIComponent(KEY);
  it.each<[Place, (call: { target: string; headers: Record<string, unknown>; body: string }) => unknown, unknown]>([
    ['header', ({ headers }) => headers['x-api-key'], KEY],
    ['query', ({ target }) => target, `/query?a=1&key=${encoded}&b=2`],
    ['cookie', ({ headers }) => headers['cookie'], `theme=dark; sid=${KEY}`],
    ['path', ({ target }) => target, `/path/bot${KEY.replaceAll('/', '%2F')}/getMe`],
    ['json', ({ body }) => body, `{"auth":{"key":"${KEY}"},"n":[1,2]}`],
    ['form', ({ body }) => body, `a=1&secret=${encoded}`],
    ['basic', ({ headers }) => headers['authorization'], basic(BASIC_KEY, '')],
  ])('in a %s', async (place, part, expected) => {
    const { status, text } = await send(at(place, placeholderAt(place)));
    expect(status).toBe(200);
    expect(api.seen.map(part)).toEqual([expected]);
    expect(text).toMatch(/^seen /);
    expectScrubbed(text, place === 'basic' ? BASIC_KEY : KEY);
    expect(text).not.toContain(basic(BASIC_KEY, ''));
  });

  it.each([
    ['as password', (placeholder: string) => basic('x-access-token', placeholder), basic('x-access-token', BASIC_KEY)],
    ['as user name, beside a password', (placeholder: string) => basic(placeholder, 'X'), basic(BASIC_KEY, 'X')],
  ])('in Basic %s', async (_how, make, expected) => {
    const { text } = await send({ path: '/basic', headers: { authorization: make(mine['BASIC_KEY'] ?? '') } });
    expect(api.seen.map(({ headers }) => headers.authorization)).toEqual([expected]);
    expect(text).not.toContain(expected.slice(8, -4));
    // What the API echoes may be encoded once more.
    const twice = Buffer.from(expected).toString('base64');
    expect(text).not.toContain(twice);
  });

  it.skipIf(!HAS_REQUESTS)('in Basic, by curl --user and by requests with auth= (needs python3-requests)', async () => {
    const ca = world.proxyCaFile;
    const user = `${mine['BASIC_KEY']}:`;
    const script = `import sys, requests
key, url, proxy, ca = sys.argv[1:]
print(requests.get(url, auth=(key, ""), proxies={"https": proxy}, verify=ca).text)`;
    const ends: ProcessEnd[] = [
      await runProcess(['curl', '-sS', '--proxy', world.proxyUrl, '--cacert', ca, '--user', user, `${api.url}/basic`], {
        PATH: process.env['PATH'],
      }),
      await runProcess([PYTHON, '-c', script, mine['BASIC_KEY'] ?? '', `${api.url}/basic`, world.proxyUrl, ca], {}),
    ];
    for (const { stdout, stderr } of ends) expect(stdout, stderr).toMatch(/^seen /);
    expect(api.seen.map(({ headers }) => headers.authorization)).toEqual([basic(BASIC_KEY, ''), basic(BASIC_KEY, '')]);
  });
});

describe('it is bound', () => {
  const places = Object.keys(PLACES) as Place[];

  it.each(places.flatMap((given) => places.filter((sent) => sent !== given).map((sent) => [given, sent] as const)))(
    'to its location: that for %s is refused in %s',
    async (given, sent) => {
      await expectRefused({
        ...at(sent, placeholderAt(given)),
        path: at(sent, placeholderAt(given)).path.replace(sent, given),
      });
    },
  );

  it.each(places)('to one occurrence: refused twice in a %s', async (place) => {
    const once = at(place, placeholderAt(place));
    await expectRefused({ ...once, headers: { ...once.headers, 'x-note': placeholderAt(place) } });
  });

  it('to its endpoint: refused at another API, and at a path of another policy', async () => {
    const elsewhere = await request(`${world.api.url}/v1/items`, { dispatcher, headers: { 'x-api-key': mine['KEY'] } });
    expect(await elsewhere.body.json()).toMatchObject({ code: 'placeholder-refused' });
    expect(world.api.seenCalls).toEqual([]);
    await expectRefused({ path: '/basic', headers: { 'x-api-key': mine['KEY'] ?? '' } });
  });

  it("to its agent: another workload's is refused", async () => {
    expect(others).toMatch(/^sk_placeholder_/);
    expect(others).not.toBe(mine['KEY']);
    await expectRefused(at('header', others));
    await expectRefused({ path: '/basic', headers: { authorization: basic(others, '') } });
  });
});

describe('hidden in an encoding it is refused and says so', () => {
  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  it.each<[string, (placeholder: string) => Sent]>([
    ['in Basic at a place without one', (one) => ({ path: '/query', headers: { authorization: basic(one, '') } })],
    ['in base64 in its header', (one) => ({ path: '/header', headers: { 'x-api-key': base64(one) } })],
    [
      'in Basic that is not strict',
      (one) => ({ path: '/basic', headers: { authorization: basic(one, '').replace(/=*$/, '') } }),
    ],
    [
      'in base64 in JSON',
      (one) => ({ path: '/json', headers: JSON_TYPE, body: JSON.stringify({ file: base64(`..${one}`) }) }),
    ],
    ['with percent signs in the query', (one) => ({ path: `/query?key=${one.replaceAll('_', '%5F')}` })],
    ['with percent signs twice over', (one) => ({ path: `/query?other=${one.replaceAll('_', '%255f')}` })],
    [
      'with percent signs in a form',
      (one) => ({ path: '/form', headers: FORM_TYPE, body: `secret=${one.replace('_', '%5f')}` }),
    ],
    [
      'with escapes in JSON',
      (one) => ({ path: '/json', headers: JSON_TYPE, body: `{"a":"${one.replace('s', '\\u0073')}"}` }),
    ],
  ])('%s', async (_how, make) => {
    expect(await expectRefused(make(mine['KEY'] ?? ''))).toContain('encoded');
  });

  it('but its own member of JSON may be escaped, which parsers do not see', async () => {
    const escaped = `{"auth":{"key":"${(mine['KEY'] ?? '').replace('s', '\\u0073')}"}}`;
    expect((await send({ path: '/json', headers: JSON_TYPE, body: escaped })).status).toBe(200);
    expect(api.seen.map(({ body }) => JSON.parse(body))).toEqual([{ auth: { key: KEY } }]);
  });
});

it('records say that it was denied, with the grant that did not cover it', async () => {
  await expectRefused({ path: '/header', headers: { 'x-note': mine['KEY'] ?? '' } });
  await vi.waitFor(
    async () => {
      const { body } = await world.rest('GET', '/v1/decisions?limit=500');
      const { decisions } = body as { decisions: { reason: string; outcome: string }[] };
      const refused = decisions.filter(({ reason }) => reason === 'placeholder-refused');
      expect(refused.length).toBeGreaterThan(0);
      expect(new Set(refused.map(({ outcome }) => outcome))).toEqual(new Set(['denied']));
    },
    { timeout: 20_000, interval: 200 },
  );
});
