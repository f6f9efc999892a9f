/**
 * What one small call over kept HTTP/1.1 connections costs in Sidekey's own code: cached grant, credential injected, answer
 * scrubbed, metrics, decision record chained; on sockets that do nothing, so that neither the kernel nor Node's streams count. The
 * least of many rounds, which what else runs on the machine cannot make smaller.
 *
 *     npx esbuild bench/micro/call.ts --bundle --platform=node --external:koffi --define:__SIDEKEY_VERSION__='"bench"' \
 *       --outfile=/tmp/call.cjs && node /tmp/call.cjs
 */
import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { ByteBudget } from '../../common/byte-budget.ts';
import { Roster } from '../../common/roster.ts';
import { Authorizer } from '../../policy-client/authorize/authorizer.ts';
import { GrantCache } from '../../policy-client/authorize/grant-cache.ts';
import { DEFAULT_LIMITS as CLIENT_LIMITS } from '../../policy-client/limits.ts';
import type { PolicyClient } from '../../policy-client/index.ts';
import { RecordQueue } from '../../policy-client/records/record-queue.ts';
import { RevocationSet } from '../../policy-client/watch/revocation-set.ts';
import { RouteVersions } from '../../policy-client/watch/route-versions.ts';
import { Grant } from '../../proto/gen/sidekey/v1/grant.ts';
import { DecisionFact, Route, TlsMode } from '../../proto/gen/sidekey/v1/route.ts';
import { AuthorizeResponse } from '../../proto/gen/sidekey/v1/proxy.ts';
import { ProxyMetrics } from '../../proxy/admin/metrics.ts';
import { DpopNonces } from '../../proxy/credentials/signing/dpop-nonces.ts';
import { RouteTable } from '../../proxy/http/request/route-table.ts';
import type { LiveExchange, ProxyServices } from '../../proxy/http/services.ts';
import { AgentConnection } from '../../proxy/io/agent/agent-connection.ts';
import { DestinationConnections } from '../../proxy/io/upstream/destination-connections.ts';
import { turnClock, turnMonotonicMs } from '../../proxy/io/turn.ts';
import { UpstreamConnection } from '../../proxy/io/upstream/upstream-connection.ts';
import { DEFAULT_LIMITS } from '../../proxy/limits.ts';

const CONNECTIONS = 16;
const CALLS_A_ROUND = 16_000;
const ROUNDS = Number(process.env['ROUNDS'] ?? 40);

class StillSocket extends EventEmitter {
  destroyed = false;
  writable = true;
  writableEnded = false;
  writableNeedDrain = false;
  last: string | Uint8Array = '';
  onWrite: () => void = () => {};
  write(bytes: string | Uint8Array): boolean {
    this.last = bytes;
    this.onWrite();
    return true;
  }
  isPaused(): boolean {
    return false;
  }
  pause(): void {}
  resume(): void {}
  destroy(): void {
    throw new Error('a socket was destroyed');
  }
}

const route = Route.fromPartial({
  serverWorkload: 'api',
  hosts: ['api.test'],
  ports: [8080],
  protocol: 'http',
  tls: { mode: TlsMode.TLS_MODE_PLAINTEXT, caPem: '', serverName: '' },
  injectsCredential: true,
  decisionFacts: [DecisionFact.DECISION_FACT_PATH],
});
const session = {
  id: '0123456789abcdef0123456789abcdef',
  workloads: ['bench'],
  user: undefined,
  claims: {},
  notAfter: Date.now() + 7_200_000,
};
const revocations = new RevocationSet(10);
const cache = new GrantCache(100);
const authorizer = new Authorizer({
  tenant: 'default',
  cache,
  revocations,
  limits: CLIENT_LIMITS,
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  policy: () => ({ policyVersion: 1, policyChange: '' }),
  routeVersions: new RouteVersions(),
  downReason: () => 'not-ready',
});
authorizer.setSession(session);
authorizer.setConnected(true);
const port = {
  session: { state: session },
  ask(request: { id: number }): void {
    setImmediate(() =>
      authorizer.receive(
        port,
        AuthorizeResponse.fromPartial({
          id: request.id,
          outcome: {
            $case: 'grant',
            value: Grant.fromPartial({
              id: 'grant-1',
              binding: {
                sessionId: session.id,
                workloads: ['bench'],
                serverWorkload: 'api',
                destination: { scheme: 'http', host: 'api.test', port: 8080 },
                method: 'GET',
                path: '/secret/200',
              },
              injections: [{ kind: { $case: 'bearer', value: { token: Buffer.from('sk-live-4f9a+Zq/7Kc=81xYtWm') } } }],
              notAfter: new Date(Date.now() + 3_600_000),
              cacheLease: { seconds: 3_000, nanos: 0 },
              policyVersion: 1,
              policyChange: '',
              accessPolicy: 'agent-calls-api',
              credentialProvider: 'api-token',
              credentialProviders: ['api-token'],
            }),
          },
        }),
      ),
    );
  },
};
authorizer.setPort(port);
const queue = new RecordQueue({
  instanceId: '7d1c9a52-6e0c-4c56-9c61-0a2f0e5a5b11',
  maxMemoryBytes: CLIENT_LIMITS.maxRecordMemoryBytes,
  spool: undefined,
  nowMs: () => Date.now(),
});
const client = {
  instanceId: '7d1c9a52-6e0c-4c56-9c61-0a2f0e5a5b11',
  hasRoomBeside: () => true,
  authorize: (question: Parameters<PolicyClient['authorize']>[0]) => authorizer.authorize(question),
  session: () => session,
} as unknown as PolicyClient;
const routes = new RouteTable();
routes.replace([route]);
const destination = new DestinationConnections();
const live = new Roster<LiveExchange>();
const metrics = new ProxyMetrics({
  client,
  faultyTrustFiles: () => 0,
  agentConnections: () => 0,
  upstreamConnections: () => 0,
  liveCalls: () => 0,
  openFiles: () => 0,
  maxOpenFiles: () => 0,
});
const held = new ByteBudget(DEFAULT_LIMITS.maxHeldBytes);
const services: ProxyServices = {
  client,
  routes,
  pool: {
    take: () => destination.takeIdle(() => true),
    open: () => Promise.reject(new Error('nothing to dial')),
    openRaw: () => Promise.reject(new Error('nothing to dial')),
  },
  limits: DEFAULT_LIMITS,
  clock: turnClock,
  monotonicMs: turnMonotonicMs,
  held,
  dpopNonces: new DpopNonces(),
  via: 'sidekey-7d1c9a52',
  unrouted: 'deny',
  proxyToken: undefined,
  refusedPorts: new Set(),
  live,
  state: { draining: false, ready: true },
  authority: () => undefined,
  ended: (call, outcome, reason) => {
    metrics.callEnded(call, outcome, reason);
    queue.push(call.toRecord(outcome, reason, turnClock.now(), session));
  },
};

const REQUEST = Buffer.from(
  'GET http://api.test:8080/secret/200 HTTP/1.1\r\nHost: api.test:8080\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n',
);
const ANSWER = Buffer.from(
  `HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 200\r\n\r\n${'x'.repeat(200)}`,
);
let answered = 0;
const agents: StillSocket[] = [];
const asked: UpstreamConnection[] = [];
for (let at = 0; at < CONNECTIONS; at += 1) {
  const socket = new StillSocket();
  socket.onWrite = () => (answered += 1);
  new AgentConnection(services, socket as unknown as Socket, { kind: 'explicit' });
  agents.push(socket);
  const upstream = new StillSocket();
  const origin = { key: 'k', address: '127.0.0.1', openedAt: performance.now(), showsCertificate: false };
  const connection = new UpstreamConnection(upstream as unknown as Socket, origin, DEFAULT_LIMITS, {
    now: turnMonotonicMs,
    released: (one: UpstreamConnection) => destination.idle.push(one),
    closed: () => {
      throw new Error('an upstream connection was closed');
    },
  });
  upstream.onWrite = () => asked.push(connection);
  destination.idle.push(connection);
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function round(calls: number): Promise<number> {
  const target = answered + calls;
  const before = process.cpuUsage();
  while (answered < target) {
    // `data` brings a buffer of its own each time, as from an agent's socket.
    for (const agent of agents) agent.emit('data', Buffer.from(REQUEST));
    await turn();
    await turn();
    for (const connection of asked.splice(0)) connection.receive(ANSWER);
    await turn();
    await turn();
  }
  queue.flush();
  const { user, system } = process.cpuUsage(before);
  for (let batch = queue.next(); batch !== undefined; batch = queue.next()) queue.acknowledge(batch.lastSequence);
  return (user + system) / calls;
}

async function main(): Promise<void> {
  await round(CALLS_A_ROUND);
  let best = Infinity;
  const all: number[] = [];
  for (let at = 0; at < ROUNDS; at += 1) {
    const us = await round(CALLS_A_ROUND);
    all.push(us);
    best = Math.min(best, us);
  }
  all.sort((one, other) => one - other);
  const sample = agents[0]?.last ?? '';
  if (
    !Buffer.from(sample as string)
      .toString()
      .includes('200 OK')
  )
    throw new Error('the calls were not answered with 200');
  if (authorizer.misses > CONNECTIONS) throw new Error(`${authorizer.misses} decisions were not cached`);
  console.log(`least ${best.toFixed(2)} us a call, median ${(all[all.length >> 1] ?? 0).toFixed(2)}`);
  process.exit(0);
}

void main();
