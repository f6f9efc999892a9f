import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import tls from 'node:tls';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, expect, test } from 'vitest';
import { Call } from '../../../../../proxy/http/call.ts';
import { createLocalAuthority } from '../../../../../proxy/intercept/certificate-authority.ts';
import { type AgentServices, AgentSessions } from '../../../../../proxy/io/agent/agent-sessions.ts';
import { interceptTls } from '../../../../../proxy/io/agent/intercept-tls.ts';
import { RouteTable } from '../../../../../proxy/http/request/route-table.ts';
import { DEFAULT_LIMITS } from '../../../../../proxy/limits.ts';
import { route } from '../../../../support/worlds/proxy-world.ts';
import { turnEnd } from '../../../../support/turn-end.ts';

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

/** A server that intercepts for `a.example` with these services; the agent that connects to it. */
async function intercepting(given: object, opened: (call: Call) => void, agentWants: tls.ConnectionOptions = {}) {
  const services = {
    limits: DEFAULT_LIMITS,
    monotonicMs: () => 0,
    state: { draining: false, ready: true },
    routes: new RouteTable(),
    ended: () => {},
    sessions: new AgentSessions(1, () => {}),
    ...given,
  } as unknown as AgentServices;
  const server = net.createServer((socket) => {
    socket.once('data', (opening) => {
      socket.pause();
      const call = new Call('CONNECT');
      opened(call);
      interceptTls(services, { socket, call }, { host: 'a.example', port: 443 }, opening);
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  const agent = tls.connect({ port, host: '127.0.0.1', servername: 'a.example', ...agentWants });
  closers.push(() => {
    agent.destroy();
    server.close();
  });
  return agent;
}

test.each([
  ['no-route', []],
  ['not-ready', [route({ hosts: ['a.example'] })]],
])('a host that the authority may not speak for is told so, and recorded as %s', async (reason, covered) => {
  const routes = new RouteTable();
  routes.replace(covered);
  const ends: unknown[] = [];
  const ended: AgentServices['ended'] = (_call, _outcome, why) => void ends.push(why);
  const authority = () => ({ permits: () => false });
  const agent = await intercepting({ routes, authority, ended }, () => {});
  await expect(once(agent, 'secureConnect')).rejects.toThrow('unrecognized name');
  expect(ends).toEqual([reason]);
});

test.each(['http/1.1', 'h2'])(
  'an intercepted connection in %s holds nothing of how it was opened',
  async (protocol) => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const authority = createLocalAuthority();
    const calls: WeakRef<Call>[] = [];
    const agent = await intercepting({ authority: () => authority }, (call) => void calls.push(new WeakRef(call)), {
      ca: authority.rootPem,
      ALPNProtocols: [protocol],
    });
    await once(agent, 'secureConnect');
    expect(agent.alpnProtocol).toBe(protocol);
    // The agent's side is secure first.
    await expect
      .poll(async () => {
        await turnEnd();
        collect();
        return calls.map((call) => call.deref());
      })
      .toEqual([undefined]);
  },
);
