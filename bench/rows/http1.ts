import type { Forwarder } from '../forwarder.ts';
import type { Row } from '../bench.ts';
import type { LoadSpec } from '../load/spec.ts';
import { measure } from '../measure.ts';
import { cpuReport } from '../table.ts';

const CONNECTIONS = 16;
const SMALL_BYTES = 200;
const LARGE_BYTES = 100_000;
const PACED_PER_SECOND = 200;

function http1(https: boolean, size: 'small' | 'large' | 'upload'): Row {
  const name = `http1-${https ? 'tls' : 'plain'}-${size}`;
  const bytes = size === 'large' ? LARGE_BYTES : SMALL_BYTES;
  const sends = size === 'upload' ? LARGE_BYTES : undefined;
  const bodies = sends === undefined ? `answers of ${bytes} bytes` : `requests of ${sends} bytes`;
  const title = `HTTP/1.1, ${https ? 'TLS intercepted' : 'plain'}, ${bodies}`;
  return {
    name,
    about: title,
    measure: async (bench) => {
      const results = await measure(bench, {
        name,
        required: true,
        pacedPerSecond: PACED_PER_SECOND,
        spec: (forwarder) => http1Spec(forwarder, bench.world.upstream, { https, bytes, sends, injected: true }),
      });
      return cpuReport(title, results, { unit: 'request', latency: true });
    },
  };
}

export const http1Rows = (['small', 'large', 'upload'] as const).flatMap((size) => [
  http1(false, size),
  http1(true, size),
]);

/** Kept HTTP/1.1 connections, each with one request at a time; `injected` chooses the upstream that has a credential. */
export function http1Spec(
  forwarder: Forwarder,
  upstream: Readonly<Record<string, number>>,
  what: { https: boolean; bytes: number; sends?: number | undefined; injected: boolean; connections?: number },
): LoadSpec | undefined {
  const access = forwarder.lanes[what.https ? 'secure' : 'plain'];
  if (access === undefined) return undefined;
  const injected = what.injected && access.style !== 'direct';
  const port = `${what.injected ? '' : 'open-'}${what.https ? 'secure' : 'plain'}`;
  return {
    driver: 'http1',
    access,
    upstreamPort: upstream[port] ?? 0,
    https: what.https,
    caPem: forwarder.caPem,
    path: `${injected ? '/secret' : ''}/${what.bytes}`,
    bytes: what.bytes,
    ...(what.sends === undefined ? {} : { sends: what.sends }),
    connections: what.connections ?? CONNECTIONS,
    echoPath: `${injected ? '/secret' : ''}/echo`,
  };
}
