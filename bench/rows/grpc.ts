import type { Row } from '../bench.ts';
import { measure } from '../measure.ts';
import { cpuReport } from '../table.ts';

const CONNECTIONS = 4;
const BYTES = 64;
const PACED_PER_SECOND = 200;

const TITLE = `gRPC unary, HTTP/2 over TLS on both sides, messages of ${BYTES} bytes`;

export const grpcRow: Row = {
  name: 'grpc',
  about: TITLE,
  measure: async (bench) => {
    const results = await measure(bench, {
      name: 'grpc',
      required: true,
      pacedPerSecond: PACED_PER_SECOND,
      spec: (forwarder) => {
        const access = forwarder.lanes.grpc;
        if (access === undefined) return undefined;
        const straight = access.style === 'direct';
        return {
          driver: 'grpc',
          access,
          upstreamPort: bench.world.upstream['h2'] ?? 0,
          https: true,
          caPem: forwarder.caPem,
          path: straight ? '/open.Echo/Unary' : '/secret.Echo/Unary',
          bytes: BYTES,
          connections: CONNECTIONS,
          echoPath: straight ? '/open.Echo/Authorization' : '/secret.Echo/Authorization',
        };
      },
    });
    return cpuReport(TITLE, results, { unit: 'call', latency: true });
  },
};
