import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { PlaceholderLocation } from '../../proto/gen/sidekey/v1/route.ts';
import { grant, type ProxyWorld, route, SECRET, startProxyWorld } from '../support/worlds/proxy-world.ts';

const NAME = 'session_id';
const OURS = SECRET.replaceAll(/[^\w-]/g, '');

let world: ProxyWorld;
beforeAll(async () => {
  world = await startProxyWorld({
    routes: ({ httpPort, httpsPort }) => [route({ ports: [httpPort, httpsPort], credentialCookies: [NAME] })],
  });
  const value = { name: NAME, value: Buffer.from(OURS) };
  world.client.decide = (question) => grant(question, { kind: { $case: 'cookie', value } });
});
afterAll(() => world.close());
beforeEach(() => void world.upstream.seen.splice(0));

/** What the upstream gets where the agent sends these cookies; the text's characters are bytes. */
async function sent(cookies: string): Promise<string | undefined> {
  const agent = await world.agent();
  agent.socket.write(Buffer.from(world.request('GET', '/', [`Cookie: ${cookies}`]), 'latin1'));
  expect((await agent.answer('GET')).status).toBe(200);
  agent.destroy();
  return world.upstream.seen[0]?.headers.cookie;
}

describe('A-16 a cookie that some server takes for the one that is injected', () => {
  test.each([
    ['with a blank of Latin-1: Starlette, Tornado', `\x85${NAME}=own`],
    ['with one behind the name', `${NAME}\xa0=own`],
    ['with a blank of UTF-8: Django, aiohttp, Rust', `\xc2\x85${NAME}=own`],
    ['with a wide one', `${NAME}\xe2\x80\x83=own`],
    ['as an array: PHP', `${NAME}[x]=own`],
    ['as an array, spelled otherwise: PHP', 'session.id[x]=own'],
    ['in another case: ASP.NET', `SESSION_ID=own`],
    ['percent-encoded: Rust', `%73ession_id=own`],
    ['behind a blank: aiohttp, Bottle, http.cookies', `theme=dark ${NAME}=own`],
    ['behind a comma: ASP.NET', `theme=dark,${NAME}=own`],
    ['behind what is no name: ASP.NET', `a:${NAME}=own`],
    ['behind no name', `=${NAME}=own`],
    ['in a quoted string: WebOb', `a="x\\"; b="${NAME}=own"`],
  ])('%s', async (_, cookies) => {
    expect(await sent(`lang=en; ${cookies}`)).toMatch(new RegExp(`^${NAME}=${OURS}; lang=en(?:; a="x\\\\")?$`));
    expect(world.client.records.at(-1)?.removedCredentials).toEqual([`cookie:${NAME}`]);
  });

  test('others pass', async () => {
    const others =
      'session=1; my_session_id=2; session_id2=3; last=session_id; x="session_id"; session-id=4; y=a=b; z=50%25';
    expect(await sent(others)).toBe(`${NAME}=${OURS}; ${others}`);
  });
});

test('A-67 a fresh value of the cookie that is injected does not come back, in interim answers neither', async () => {
  const fresh = [`${NAME}=fresh-1; Path=/; HttpOnly`, 'lang=en', `${NAME}=fresh-2; Max-Age=0`, `${NAME}2=other`];
  world.upstream.handle((_request, response) => {
    response.writeEarlyHints({ link: '</a>; rel=preload', 'set-cookie': `${NAME}=fresh-0` });
    response.writeHead(200, { 'set-cookie': fresh });
    response.end('hello');
  });
  const { agent, tls } = await world.tlsAgent();
  let bytes = '';
  tls.on('data', (piece: Buffer) => void (bytes += piece.toString('latin1')));
  const target = `api.test:${world.upstream.httpsPort}`;
  const answer = await agent.exchange(`GET / HTTP/1.1\r\nHost: ${target}\r\n\r\n`);
  world.upstream.handle(undefined);
  expect(answer.headers.getAll('set-cookie')).toEqual(['lang=en', `${NAME}2=other`]);
  expect(bytes).toMatch(/^HTTP\/1\.1 103 [^]*HTTP\/1\.1 200 /);
  expect(bytes).not.toContain('fresh');
});

describe('A-16 a cookie with the placeholder in it and a value of the agent beside it', () => {
  const placeholder = `sk_placeholder_${'m'.repeat(43)}`;
  const place = { location: PlaceholderLocation.PLACEHOLDER_LOCATION_COOKIE, name: NAME };

  test.each([
    ['in front: aiohttp, Bottle, http.cookies', `own ${placeholder}`, undefined],
    ['quoted in front', `"own" ${placeholder}`, undefined],
    ['behind a comma: ASP.NET', `own,${placeholder}`, undefined],
    ['as an array: PHP', `x; ${NAME}[x]=own${placeholder}`, undefined],
    ['nothing beside it', placeholder, `${NAME}=${OURS}`],
    ['in quotes of its own', `"${placeholder}"`, `${NAME}="${OURS}"`],
    ['behind a prefix', `v1.${placeholder}`, `${NAME}=v1.${OURS}`],
  ])('%s', async (_, value, expected) => {
    const injection = { placeholders: [placeholder], place, value: Buffer.from(OURS) };
    world.client.decide = (question) => grant(question, { kind: { $case: 'placeholder', value: injection } });
    const agent = await world.agent();
    const answer = await agent.exchange(world.request('GET', '/', [`Cookie: ${NAME}=${value}`]));
    expect(world.upstream.seen[0]?.headers.cookie).toBe(expected);
    expect(answer.text).toMatch(expected === undefined ? /"placeholder-refused"/ : /hello/);
  });
});
