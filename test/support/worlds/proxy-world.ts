import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { pino } from 'pino';
import { Writable } from 'node:stream';
import type tls from 'node:tls';
import type { Answer, Question } from '../../../policy-client/index.ts';
import type { Grant, Injection } from '../../../proto/gen/sidekey/v1/grant.ts';
import { LOOPBACK } from '../../../common/net/cidr.ts';
import { type Route, TlsMode } from '../../../proto/gen/sidekey/v1/route.ts';
import type { Reason } from '../../../proto/reasons.ts';
import type { ProxyConfig } from '../../../proxy/config.ts';
import { composeProxy, type Proxy } from '../../../proxy/proxy.ts';
import { createResolver } from '../../../proxy/io/upstream/address-resolver.ts';
import { FakePolicyClient } from '../../fakes/policy-client.ts';
import { connectRaw, type RawAgent, secureRaw } from '../agents/raw-agent.ts';
import { startUpstream, type Upstream } from '../upstreams/upstream.ts';

/** The credential that routes of the world inject; it must be seen upstream and never by the agent. */
export const SECRET = 'sk-live-4f9a+Zq/7Kc=81xYtWm';
/** Hosts that resolve to loopback in the world, besides `localhost`. */
export const HOSTS = ['api.test', 'other.test', 'localhost', '127.0.0.1'] as const;

export interface ProxyWorldOptions {
  readonly config?: Partial<ProxyConfig>;
  /** Instead of the route to the world's own upstream. */
  readonly routes?: (world: { httpPort: number; httpsPort: number; caPem: string }) => Route[];
  /** Configuration that needs the upstream's ports. */
  readonly listeners?: (world: { httpPort: number; httpsPort: number }) => Partial<ProxyConfig>;
  /** Lets hosts without a route stand on this machine. */
  readonly allowLoopback?: boolean;
  /** Names beside HOSTS; called on every lookup. */
  readonly lookup?: (host: string) => readonly string[] | undefined;
}

/** A running proxy between a raw agent and a real upstream; the policy is a function. */
export interface ProxyWorld {
  readonly proxy: Proxy;
  readonly client: FakePolicyClient;
  readonly upstream: Upstream;
  /** Every name that was resolved. */
  readonly lookups: string[];
  /** Everything the proxy logged. */
  readonly logged: () => string;
  agent(): Promise<RawAgent>;
  /** CONNECT, then TLS trusting only the proxy's authority. */
  tlsAgent(
    host?: string,
    port?: number,
    options?: tls.ConnectionOptions,
  ): Promise<{ agent: RawAgent; tls: tls.TLSSocket }>;
  /** A head to send: absolute-form to the upstream's HTTP port. */
  request(method: string, path: string, headers?: readonly string[], body?: string): string;
  close(): Promise<void>;
}

/** Starts a proxy with `api.test` (both ports) routed to a fresh upstream, allowing and injecting SECRET as bearer. */
export async function startProxyWorld(options: ProxyWorldOptions = {}): Promise<ProxyWorld> {
  const upstream = await startUpstream(HOSTS);
  const client = new FakePolicyClient();
  client.setRoutes(options.routes?.(upstream) ?? [route({ ports: [upstream.httpPort, upstream.httpsPort] })]);
  client.decide = (question) => grant(question, bearer(SECRET));
  const lookups: string[] = [];
  const resolver = createResolver({
    cacheTtlMs: 0,
    lookup: async (host) => {
      lookups.push(host);
      const given = options.lookup?.(host);
      const found = given ?? (HOSTS.some((known) => known === host) ? ['127.0.0.1'] : []);
      return found.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
    },
  });
  if (options.allowLoopback === true) {
    const { resolve } = resolver;
    resolver.resolve = (host, port, allowed) => resolve(host, port, [...allowed, ...LOOPBACK]);
  }
  const logLines: string[] = [];
  const sink = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      logLines.push(chunk.toString());
      done();
    },
  });
  const config: ProxyConfig = {
    controlPlane: { address: '192.0.2.1:443', caPem: '', tenant: 'default' },
    evidence: async () => [],
    listen: { host: '127.0.0.1', port: 0 },
    authority: 'local',
    unrouted: 'deny',
    upstreamCaPem: upstream.caPem,
    ...options.config,
    ...options.listeners?.(upstream),
  };
  const proxy = await composeProxy(config, client, pino({ level: 'debug' }, sink), resolver).catch(async (error) => {
    await upstream.close();
    throw error;
  });
  const agents = new Set<RawAgent>();
  const agent = async (): Promise<RawAgent> => {
    const connected = await connectRaw(proxy.address.port);
    agents.add(connected);
    return connected;
  };
  return {
    proxy,
    client,
    upstream,
    lookups,
    logged: () => logLines.join(''),
    agent,
    tlsAgent: async (host = 'api.test', port = upstream.httpsPort, tlsOptions = {}) => {
      const plain = await agent();
      const connected = await plain.exchange(
        `CONNECT ${host}:${port} HTTP/1.1\r\nHost: ${host}:${port}\r\n\r\n`,
        'CONNECT',
      );
      if (connected.status !== 200) throw new Error(`CONNECT was answered ${connected.status}`);
      const ca = proxy.caPem ?? '';
      const servername = /^[0-9.]+$/.test(host) ? '' : host;
      return secureRaw(plain.socket, { ca, servername, host, ...tlsOptions });
    },
    request: (method, path, headers = [], body = '') =>
      `${[`${method} http://api.test:${upstream.httpPort}${path} HTTP/1.1`, `Host: api.test:${upstream.httpPort}`, ...headers].join('\r\n')}\r\n\r\n${body}`,
    close: async () => {
      for (const connected of agents) connected.destroy();
      await proxy.close(0);
      await upstream.close();
    },
  };
}

/** A route to `api.test` on loopback that injects, cleartext allowed. */
export function route(over: Partial<Route> = {}): Route {
  return {
    serverWorkload: 'api',
    hosts: ['api.test'],
    ports: [443],
    protocol: 'http',
    tls: { mode: TlsMode.TLS_MODE_PLAINTEXT, caPem: '', serverName: '' },
    allowedAddresses: ['127.0.0.0/8'],
    injectsCredential: true,
    decisionFacts: [],
    failMode: undefined,
    credentialHeaders: [],
    credentialQueryParameters: [],
    credentialCookies: [],
    placeholders: [],
    agent: undefined,
    inspectLimitBytes: 0,
    selectors: [],
    maskedAnswerFields: [],
    ...over,
  };
}

/** The same to a server on loopback that speaks TLS. */
export function routeTo({ port, caPem }: { port: number; caPem: string }, host = 'localhost'): Route {
  return route({ hosts: [host], ports: [port], tls: { mode: TlsMode.TLS_MODE_VERIFY, caPem, serverName: '' } });
}

export function bearer(token: string): Injection {
  return { kind: { $case: 'bearer', value: { token: Buffer.from(token) } } };
}

/** An allowed answer bound to the question. */
export function grant(
  question: Question,
  injection: Injection | readonly Injection[] | undefined,
  over: Partial<Grant> = {},
): Answer {
  const { destination, method, route: asked } = question;
  return {
    kind: 'grant',
    fromCache: false,
    stale: false,
    grant: {
      id: 'grant-1',
      binding: {
        sessionId: 'session-1',
        workloads: ['agent'],
        user: '',
        serverWorkload: asked.serverWorkload,
        destination,
        method,
        path: '',
      },
      injections: injection === undefined ? [] : [injection].flat(),
      notAfter: new Date(Date.now() + 3_600_000),
      cacheLease: { seconds: 30, nanos: 0 },
      maxUses: 0,
      policyVersion: 1,
      policyChange: '',
      failMode: undefined,
      accessPolicy: 'agent-calls-api',
      credentialProvider: 'api-token',
      credentialProviders: ['api-token'],
      ...over,
    },
  };
}

export function denial(reason: Reason, message = 'no'): Answer {
  return { kind: 'denial', reason, message, accessPolicy: undefined, fromCache: false };
}

/** Notes what policy is asked from now on; lets every call through with SECRET unless `decide` says otherwise. */
export function noteQuestions(
  { client }: ProxyWorld,
  decide = (question: Question): Answer => grant(question, bearer(SECRET)),
): Question[] {
  const asked: Question[] = [];
  client.decide = (question) => {
    asked.push(question);
    return decide(question);
  };
  return asked;
}

/** A metric of a world that has an admin address; NaN when there is none of the name. */
export async function readMetric(world: ProxyWorld, name: string): Promise<number> {
  const [response] = (await once(get(`http://${world.proxy.adminAddress}/metrics`), 'response')) as [IncomingMessage];
  return Number(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\d+)$`, 'm').exec(await text(response))?.[1] ?? Number.NaN);
}
