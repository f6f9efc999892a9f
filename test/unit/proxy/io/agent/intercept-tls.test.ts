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
import { DEFAULT_LIMITS } from '../../../../../proxy/limits.ts';
import { turnEnd } from '../../../../support/turn-end.ts';

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

test.each(['http/1.1', 'h2'])(
  'an intercepted connection in %s holds nothing of how it was opened',
  async (protocol) => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const authority = createLocalAuthority();
    const services = {
      limits: DEFAULT_LIMITS,
      monotonicMs: () => 0,
      state: { draining: false, ready: true },
      authority: () => authority,
      ended: () => {},
      sessions: new AgentSessions(1, () => {}),
    } as unknown as AgentServices;
    const calls: WeakRef<Call>[] = [];
    const server = net.createServer((socket) => {
      socket.once('data', (opening) => {
        socket.pause();
        const call = new Call('CONNECT');
        calls.push(new WeakRef(call));
        interceptTls(services, { socket, call }, { host: 'a.example', port: 443 }, opening);
      });
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const { port } = server.address() as AddressInfo;
    const agent = tls.connect({
      port,
      host: '127.0.0.1',
      servername: 'a.example',
      ca: authority.rootPem,
      ALPNProtocols: [protocol],
    });
    closers.push(() => {
      agent.destroy();
      server.close();
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
