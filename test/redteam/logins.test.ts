import type { Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import type { RawAgent } from '../support/agents/raw-agent.ts';
import { bearer, grant, type ProxyWorld, route, SECRET, startProxyWorld } from '../support/worlds/proxy-world.ts';

// Agents of several users behind one proxy, and an upstream that takes a connection for who logged it in, as IIS does with NTLM.

let world: ProxyWorld;
afterEach(() => world.close());

/** Who is logged in on each connection, as the upstream sees it. */
function loginServer(): void {
  const loggedIn = new WeakMap<Socket, string>();
  const challenged = new WeakMap<Socket, string>();
  world.upstream.handle((request, response) => {
    const { socket } = request;
    const [scheme = '', message = ''] = (request.headers.authorization ?? '').split(' ');
    if (scheme === 'Negotiate') loggedIn.set(socket, message);
    if (scheme === 'NTLM' && message === 'begin') {
      challenged.set(socket, message);
      response.writeHead(401, { 'www-authenticate': 'NTLM challenge' });
      return void response.end('go on');
    }
    // The answer to a challenge counts on the connection of the challenge alone.
    if (scheme === 'NTLM' && challenged.has(socket)) loggedIn.set(socket, message);
    const who = loggedIn.get(socket);
    response.writeHead(who === undefined ? 401 : 200, who === undefined ? { 'www-authenticate': 'NTLM' } : {});
    response.end(who ?? 'nobody');
  });
}

async function ask(agent: RawAgent, authorization?: string, path = '/'): Promise<string> {
  const headers = authorization === undefined ? [] : [`Authorization: ${authorization}`];
  return (await agent.exchange(world.request('GET', path, headers))).text;
}

/** A world whose route lends nothing, so that agents log in by themselves. */
async function startLoginWorld(): Promise<void> {
  world = await startProxyWorld({ routes: ({ httpPort }) => [route({ ports: [httpPort], injectsCredential: false })] });
  world.client.decide = (question) => grant(question, undefined);
  loginServer();
}

test.each(['NTLM', 'Negotiate'])(
  'A-73 nobody comes over a connection that another agent has logged in: %s',
  async (scheme) => {
    await startLoginWorld();
    const [ann, bob] = [await world.agent(), await world.agent()];
    expect(await ask(ann)).toBe('nobody');
    if (scheme === 'NTLM') expect(await ask(ann, 'NTLM begin')).toBe('go on');
    expect(await ask(ann, `${scheme} ann`)).toBe('ann');
    expect(await ask(bob)).toBe('nobody');
    // Who logged in comes again over its own, as it believes.
    expect(await ask(ann)).toBe('ann');
    ann.destroy();
    await ann.closed();
    for (let turn = 0; turn < 3; turn += 1) expect(await ask(await world.agent())).toBe('nobody');
  },
);

test('A-73 a login that policy lends for some calls of an agent logs others in for none', async () => {
  world = await startProxyWorld();
  world.client.decide = (question) => {
    const login = { name: 'authorization', prefix: 'Negotiate ', suffix: '', value: Buffer.from(SECRET) };
    return grant(question, question.path === '/lent' ? { kind: { $case: 'header', value: login } } : bearer(SECRET));
  };
  loginServer();
  const [ann, bob] = [await world.agent(), await world.agent()];
  expect(await ask(ann, undefined, '/lent')).toMatch(/^\*+$/);
  for (const agent of [ann, bob]) expect(await ask(agent)).toBe('nobody');
});
