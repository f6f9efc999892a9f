import type { Row } from '../bench.ts';
import { measure } from '../measure.ts';
import { cpuReport } from '../table.ts';

const STREAMS = 100;
const BYTES = 120;

const TITLE = `Server-sent events over intercepted TLS, ${STREAMS} streams, 25 events a second each of ${BYTES} bytes`;

export const sseRow: Row = {
  name: 'sse',
  about: TITLE,
  measure: async (bench) => {
    const results = await measure(bench, {
      name: 'sse',
      required: true,
      spec: (forwarder) => {
        const access = forwarder.lanes.sse;
        if (access === undefined) return undefined;
        return {
          driver: 'sse',
          access,
          upstreamPort: bench.world.upstream['secure'] ?? 0,
          https: true,
          caPem: forwarder.caPem,
          path: `${access.style === 'direct' ? '' : '/secret'}/events/${BYTES}`,
          bytes: BYTES,
          connections: STREAMS,
        };
      },
    });
    return cpuReport(TITLE, results, { unit: 'event', latency: true });
  },
};
