import { pino } from 'pino';
import type { DecisionRecord } from '../../policy-client/index.ts';
import { composeProxy, type Proxy } from '../../proxy/proxy.ts';
import { createResolver } from '../../proxy/io/address-resolver.ts';
import { FakePolicyClient } from '../fakes/policy-client.ts';
import type { ChildAnswer, ChildQuestion, ChildSetup } from './proxy-process.ts';
import { bearer, denial, grant, route, SECRET } from './proxy-world.ts';

/** A proxy in a process of its own, told by messages what to do; `proxy-process.ts` bundles and starts it. */

/** Counts records by the first part of their path, instead of keeping them. */
class CountingClient extends FakePolicyClient {
  readonly counts = new Map<string, number>();

  override record({ path }: DecisionRecord): void {
    const kind = path.split('/', 2)[1] ?? '';
    if (kind !== '' || this.counts.size < 100) this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1);
  }
}

const client = new CountingClient();
let proxy: Proxy | undefined;

async function start({ upstreams, limits, injects }: ChildSetup): Promise<{ port: number; caPem: string }> {
  const routes = upstreams.map(({ host, port, caPem }) =>
    route({
      serverWorkload: `${host}:${port}`,
      hosts: [host],
      ports: [port],
      tls: { mode: 2, caPem, serverName: '' },
      injectsCredential: injects,
    }),
  );
  client.setRoutes(routes);
  client.decide = (question) => {
    if (question.path.startsWith('/denied')) return denial('rule-denied');
    return grant(question, injects ? bearer(SECRET) : undefined);
  };
  const resolver = createResolver({ cacheTtlMs: 1_000, lookup: async () => [{ address: '127.0.0.1', family: 4 }] });
  proxy = await composeProxy(
    {
      controlPlane: { address: '192.0.2.1:443', caPem: '', tenant: 'default' },
      evidence: async () => [],
      listen: { host: '127.0.0.1', port: 0 },
      authority: 'local',
      unrouted: 'deny',
      ...(limits === undefined ? {} : { limits }),
    },
    client,
    pino({ level: 'silent' }),
    resolver,
  );
  return { port: proxy.address.port, caPem: proxy.caPem ?? '' };
}

function memory(): NodeJS.MemoryUsage {
  globalThis.gc?.();
  return process.memoryUsage();
}

async function answer(question: ChildQuestion): Promise<ChildAnswer> {
  switch (question.kind) {
    case 'start':
      return { kind: 'started', ...(await start(question.setup)) };
    case 'memory':
      return { kind: 'memory', usage: memory() };
    case 'records':
      return { kind: 'records', counts: [...client.counts] };
    case 'routes':
      client.setRoutes([...client.routes()]);
      return { kind: 'done' };
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
