import type { Row } from '../bench.ts';
import { measure } from '../measure.ts';
import { cpuReport } from '../table.ts';

const CONNECTIONS = 4;
const PACED_PER_SECOND = 200;

function http2(name: string, bytes: number, sends?: number): Row {
  const bodies = sends === undefined ? `answers of ${bytes} bytes` : `requests of ${sends} bytes`;
  const title = `HTTP/2 over TLS, ${bodies} (nginx: HTTP/1.1 towards the upstream)`;
  return {
    name,
    about: title,
    measure: async (bench) => {
      const results = await measure(bench, {
        name,
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
            path: `${prefix}/${bytes}`,
            bytes,
            ...(sends === undefined ? {} : { sends }),
            connections: CONNECTIONS,
            echoPath: `${prefix}/echo`,
          };
        },
      });
      return cpuReport(title, results, { unit: 'request', latency: true });
    },
  };
}

export const http2Rows = [http2('h2', 200), http2('h2-large', 100_000), http2('h2-upload', 200, 100_000)];
