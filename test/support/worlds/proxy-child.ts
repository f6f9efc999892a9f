import { pino } from 'pino';
import { Secret } from '../../../common/secret.ts';
import { EvidenceSubject } from '../../../proto/gen/sidekey/v1/proxy.ts';
import type { ProxyConfig } from '../../../proxy/config.ts';
import { createResolver } from '../../../proxy/io/upstream/address-resolver.ts';
import { startProxy } from '../../../proxy/main.ts';
import { composeProxy, type Proxy } from '../../../proxy/proxy.ts';
import { FakePolicyClient } from '../../fakes/policy-client.ts';
import type { ChildAnswer, ChildQuestion, ChildSetup, LinkedSetup } from './proxy-process.ts';
import { bearer, denial, grant, route, SECRET } from './proxy-world.ts';

/** A proxy in a process of its own, told by messages what to do; `proxy-process.ts` bundles and starts it. */

const CONFIG = {
  listen: { host: '127.0.0.1', port: 0 },
  authority: 'local',
  unrouted: 'deny',
  logLevel: 'silent',
} as const satisfies Partial<ProxyConfig>;

let proxy: Proxy | undefined;

/** Keeps no records, of which there can be many. */
class ForgetfulClient extends FakePolicyClient {
  override record(): void {}
}

async function startAlone({ upstreams, injects }: ChildSetup): Promise<Proxy> {
  const client = new ForgetfulClient();
  client.setRoutes(
    upstreams.map(({ host, port, caPem }) =>
      route({
        serverWorkload: `${host}:${port}`,
        hosts: [host],
        ports: [port],
        tls: { mode: 2, caPem, serverName: '' },
        injectsCredential: injects,
      }),
    ),
  );
  client.decide = (question) => {
    if (question.path.startsWith('/denied')) return denial('rule-denied');
    return grant(question, injects ? bearer(SECRET) : undefined);
  };
  const resolver = createResolver({ cacheTtlMs: 1_000, lookup: async () => [{ address: '127.0.0.1', family: 4 }] });
  const controlPlane = { address: '192.0.2.1:443', caPem: '', tenant: 'default' };
  const config = { ...CONFIG, controlPlane, evidence: async () => [] };
  return composeProxy(config, client, pino({ level: 'silent' }), resolver);
}

async function startLinked(setup: LinkedSetup): Promise<Proxy> {
  const { controlPlane, evidence, limits, local, spoolDir, upstreamProxy } = setup;
  const token = { kind: 'oidc', subject: EvidenceSubject.EVIDENCE_SUBJECT_WORKLOAD, token: Buffer.from(evidence) };
  const started = await startProxy({
    ...CONFIG,
    controlPlane: { ...controlPlane, tenant: 'default' },
    evidence: async () => [token],
    spoolDir,
    limits,
    local: [{ at: { host: '127.0.0.1', port: 0 }, upstream: local }],
    upstreamProxy: { url: new Secret(upstreamProxy.url), noProxy: upstreamProxy.noProxy },
    upstreamCaPem: upstreamProxy.caPem,
  });
  await started.ready;
  return started;
}

function memory(): NodeJS.MemoryUsage {
  globalThis.gc?.();
  return process.memoryUsage();
}

async function answer(question: ChildQuestion): Promise<ChildAnswer> {
  switch (question.kind) {
    case 'start': {
      proxy = await ('controlPlane' in question.setup ? startLinked(question.setup) : startAlone(question.setup));
      const localPort = proxy.localAddresses[0]?.port ?? 0;
      return { kind: 'started', port: proxy.address.port, localPort, caPem: proxy.caPem ?? '' };
    }
    case 'memory':
      return { kind: 'memory', usage: memory() };
    case 'stats':
      if (proxy === undefined) throw new Error('the proxy was not started');
      return { kind: 'stats', stats: proxy.client.stats() };
    case 'close':
      await proxy?.close(1_000);
      process.disconnect();
      return { kind: 'done' };
  }
}

process.on('message', (question: ChildQuestion) => {
  answer(question).then(
    (said) => process.connected && process.send?.(said),
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
});
