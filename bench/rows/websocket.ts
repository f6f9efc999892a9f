import type { Row } from '../bench.ts';
import { measure } from '../measure.ts';
import { cpuReport } from '../table.ts';

const SOCKETS = 16;
const BYTES = 64;
const PACED_PER_SECOND = 200;

const TITLE = `WebSocket echo over intercepted TLS, messages of ${BYTES} bytes`;

export const websocketRow: Row = {
  name: 'websocket',
  about: TITLE,
  measure: async (bench) => {
    const results = await measure(bench, {
      name: 'websocket',
      pacedPerSecond: PACED_PER_SECOND,
      spec: (forwarder) => {
        const access = forwarder.lanes.websocket;
        if (access === undefined) return undefined;
        return {
          driver: 'websocket',
          access,
          upstreamPort: bench.world.upstream['secure'] ?? 0,
          https: true,
          caPem: forwarder.caPem,
          path: access.style === 'direct' ? '/websocket' : '/secret/websocket',
          bytes: BYTES,
          connections: SOCKETS,
        };
      },
    });
    return cpuReport(TITLE, results, { unit: 'message', latency: true });
  },
};
