import { type ProbeAddress, type ProbeServer, startProbeServer } from '../../common/probe-server.ts';
import { removeStaleSocket } from '../../common/stale-socket.ts';
import type { ProxyMetrics } from './metrics.ts';

/** `/healthz`, `/readyz` and `/metrics`, for people and platforms; it holds no secret and changes nothing. */
export async function startAdminServer(
  at: ProbeAddress,
  metrics: ProxyMetrics,
  whyNotReady: () => string | undefined,
): Promise<ProbeServer> {
  if ('socketPath' in at) await removeStaleSocket(at.socketPath);
  return startProbeServer(at, {
    '/healthz': (response) =>
      void response.writeHead(200, { 'content-type': 'application/json' }).end('{"status":"ok"}\n'),
    '/readyz': (response) => {
      const reason = whyNotReady();
      const ready = reason === undefined;
      response.writeHead(ready ? 200 : 503, { 'content-type': 'application/json' });
      response.end(`${JSON.stringify({ ready, reason })}\n`);
    },
    '/metrics': (response) => metrics.answer(response),
  });
}
