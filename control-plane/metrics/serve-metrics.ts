import { startProbeServer } from '../../common/probe-server.ts';
import type { ProxyService } from '../api/grpc/proxy-service.ts';
import type { Closers, Foundation } from '../foundation.ts';
import type { HeldCounts } from './control-plane-metrics.ts';
import type { Authority } from '../../common/net/host.ts';

/** Serves `/metrics` where it is to be served, and gives its URL. Throws UsageError. */
export async function serveMetrics(
  listen: Authority | undefined,
  { metrics, policies, records, store }: Foundation,
  service: ProxyService,
  files: Pick<HeldCounts, 'certificateEnd' | 'faultyFiles'>,
  closers: Closers,
): Promise<string | undefined> {
  if (listen === undefined) return undefined;
  metrics.follow({
    ...service.openCalls,
    ...files,
    sessions: () => records.heldCount,
    tenants: () => policies.heldCount,
    connections: () => store.connections(),
  });
  const server = await startProbeServer(listen, { '/metrics': (response) => metrics.answer(response) });
  closers.add(() => server.close());
  return `http://${server.address}/metrics`;
}
