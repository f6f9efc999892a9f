import type { Row } from '../bench.ts';
import { measure } from '../measure.ts';
import { cpuReport } from '../table.ts';

const CONNECTIONS = 4;
const BYTES = 200;
const PACED_PER_SECOND = 200;

const TITLE = `HTTP/2 over TLS, answers of ${BYTES} bytes (nginx: HTTP/1.1 towards the upstream)`;

export const http2Row: Row = {
  name: 'h2',
  about: TITLE,
  measure: async (bench) => {
    const results = await measure(bench, {
      name: 'h2',
      required: true,
      pacedPerSecond: PACED_PER_SECOND,
      spec: (forwarder) => {
        const access = forwarder.lanes.h2;
        if (access === undefined) return undefined;
        const prefix = access.style === 'direct' ? '' : '/secret';
        return {
          driver: 'http2',
          access,
          upstreamPort: bench.world.upstream['h2'] ?? 0,
          https: true,
          caPem: forwarder.caPem,
          path: `${prefix}/${BYTES}`,
          bytes: BYTES,
          connections: CONNECTIONS,
          echoPath: `${prefix}/echo`,
        };
      },
    });
    return cpuReport(TITLE, results, { unit: 'request', latency: true });
  },
};
