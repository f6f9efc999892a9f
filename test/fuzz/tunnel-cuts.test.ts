import type { Socket } from 'node:net';
import { afterEach, expect, test, vi } from 'vitest';
import { Secret } from '../../common/secret.ts';
import { PASSWORD, USER } from '../support/upstreams/corporate-proxies.ts';
import { playCutCalls } from '../support/worlds/cut-calls.ts';
import { CutTraffic } from '../support/worlds/cut-traffic.ts';
import { CuttingProxy } from '../support/upstreams/cutting-proxy.ts';
import { http2Agent } from '../support/agents/http2-agent.ts';
import { type Http2UpstreamServer, startHttp2Upstream } from '../support/upstreams/http2-upstream.ts';
import { HOSTS, type ProxyWorld, readMetric, route, startProxyWorld } from '../support/worlds/proxy-world.ts';
import { seededRandom } from '../support/random.ts';
import { secureRaw } from '../support/agents/raw-agent.ts';
import { socks5 } from '../support/agents/socks5-agent.ts';
import { FUZZ_SECONDS, FUZZ_SEED } from '../support/time-box.ts';
import { makeTlsIdentity } from '../support/tls-identity.ts';

/**
 * Agents that come over SOCKS 5, upstreams behind a proxy that cannot be relied on, cut at any byte of either: no call's bytes reach
 * another, each has one record, nobody hears the credentials of the proxy, and no connection to it is left behind.
 */
const WORKERS = 12;
const SCHEMES = ['http', 'https', 'socks5', 'socks5h'] as const;
const SECONDS = FUZZ_SECONDS / SCHEMES.length;

const random = seededRandom(FUZZ_SEED);
const traffic = new CutTraffic(random);
let world: ProxyWorld;
let overHttp2: Http2UpstreamServer;
let before: CuttingProxy;

async function start(scheme: string): Promise<void> {
  const identity = makeTlsIdentity(['127.0.0.1']);
  before = new CuttingProxy(scheme, random, identity);
  const url = new Secret(`${scheme}://${USER}:${PASSWORD}@127.0.0.1:${await before.listen()}`);
  overHttp2 = await startHttp2Upstream(HOSTS, (stream, headers) => traffic.answerStream(stream, headers));
  const verify = (caPem: string) => ({ mode: 1, caPem, serverName: '' }) as const;
  world = await startProxyWorld({
    routes: ({ httpPort, httpsPort, caPem }) => [
      route({ ports: [httpPort] }),
      route({ serverWorkload: 'tls', hosts: ['other.test'], ports: [httpsPort], tls: verify(caPem) }),
      route({ serverWorkload: 'h2', hosts: ['localhost'], ports: [overHttp2.port], tls: verify(overHttp2.caPem) }),
    ],
    allowLoopback: true,
    lookup: (host) => (host === 'blind.test' ? ['127.0.0.1'] : undefined),
    config: {
      unrouted: 'tunnel',
      admin: { host: '127.0.0.1', port: 0 },
      upstreamProxy: { url, noProxy: 'nothing.invalid' },
      upstreamCaPem: identity.caPem,
      limits: { headerTimeoutMs: 15_000, bodyIdleTimeoutMs: 3_000, responseTimeoutMs: 3_000, connectTimeoutMs: 3_000 },
    },
  });
  world.upstream.handle((request, response) => traffic.answer(request, response));
}
afterEach(async () => {
  await world.close();
  await overHttp2.close();
  before.close();
});

/** The handshake of an agent, which may be wrong in one byte. */
function handshake(host: string, port: number): Buffer {
  const bytes = Buffer.from([5, 1, 0, 5, 1, 0, 3, host.length, ...Buffer.from(host), port >> 8, port & 255]);
  if (random.below(8) === 0) bytes[random.below(bytes.length)] = random.below(256);
  return random.below(8) === 0 ? bytes.subarray(0, random.below(bytes.length)) : bytes;
}

async function secured(host: string, port: number, alpn: string) {
  const socket: Socket = await socks5(world.proxy.address.port, host, port);
  return secureRaw(socket, { ca: world.proxy.caPem ?? '', servername: host, host, ALPNProtocols: [alpn] });
}

async function one(): Promise<void> {
  const { httpPort, httpsPort } = world.upstream;
  const plain = `api.test:${httpPort}`;
  const blind = `blind.test:${httpPort}`;
  switch (random.below(7)) {
    case 0:
      return traffic.talkHttp1(plain, await world.agent(), `http://${plain}`);
    case 1:
    case 2:
      return traffic.talkHttp1(plain, await world.agent(), '', handshake('api.test', httpPort));
    case 3: {
      const connect = Buffer.from(`CONNECT ${blind} HTTP/1.1\r\nHost: ${blind}\r\n\r\n`);
      return traffic.talkHttp1(
        blind,
        await world.agent(),
        '',
        random.pick([connect, handshake('blind.test', httpPort)]),
      );
    }
    default:
  }
  const [host, port] = random.pick([
    ['other.test', httpsPort],
    ['localhost', overHttp2.port],
  ] as const);
  const alpn = random.pick(['h2', 'http/1.1']);
  const { agent, tls } = await secured(host, port, alpn);
  if (alpn === 'http/1.1') return traffic.talkHttp1(`${host}:${port}`, agent, '');
  tls.removeAllListeners('data');
  return traffic.talkHttp2(http2Agent(tls, `${host}:${port}`));
}

test.each(SCHEMES)(
  'tunnels cut anywhere, through a proxy of %s',
  { timeout: (SECONDS + 120) * 1000 },
  async (scheme) => {
    await start(scheme);
    const asked = await playCutCalls(world, WORKERS, one, SECONDS);
    console.log(`${scheme}: ${asked} asked, ${before.tunnels} tunnels, seed ${FUZZ_SEED}`);
    expect(traffic.strangers, `seed ${FUZZ_SEED}`).toEqual([]);
    expect(before.faults.slice(0, 5)).toEqual([]);
    expect(world.logged()).not.toContain(PASSWORD);
    expect(JSON.stringify(world.client.records)).not.toContain(PASSWORD);
    await vi.waitFor(async () => {
      expect(before.sockets.size).toBe(await readMetric(world, 'sidekey_upstream_connections'));
    }, 30_000);
  },
);
