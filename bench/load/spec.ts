import type { Access } from '../forwarder.ts';

/** What the load program is asked to open and drive. */
export interface LoadSpec {
  readonly driver: 'http1' | 'new-connections' | 'http2' | 'grpc' | 'websocket' | 'sse';
  readonly access: Access;
  /** The port that the agent means, whichever way it gets there. */
  readonly upstreamPort: number;
  readonly https: boolean;
  readonly caPem: string;
  readonly path: string;
  /** Of the answer's body, of a message or of an event. */
  readonly bytes: number;
  /** Of the body that each request sends, as a POST. */
  readonly sends?: number;
  readonly connections: number;
  /** HTTP/1.1 only: so many requests at a time, over all connections by turns; without it one a connection. */
  readonly inFlight?: number;
  /** Where the upstream shows the Authorization header that has reached it; nothing is asked when it is missing. */
  readonly echoPath?: string;
  /** New connections only: resume the TLS session of the one before. */
  readonly resume?: boolean;
}

export interface LoadResult {
  /** Requests, messages, events or connections, as the driver counts. */
  readonly units: number;
  readonly seconds: number;
  readonly latenciesMs: readonly number[];
  /** Of the new connections, those whose TLS session was resumed. */
  readonly resumed?: number;
}

/** Open connections, ready to be driven. Any wrong answer rejects `run`; `closeAll` ends them. */
export interface LoadDriver {
  /** What the upstream has seen as Authorization, read through the forwarder. */
  readonly echo: string | undefined;
  /** As many units as the connections carry for this long, or at a fixed total rate a second. */
  run(ms: number, perSecond?: number): Promise<LoadResult>;
}

/** The forwarder does not do this kind of traffic, and says so. */
export class RefusedError extends Error {
  override readonly name = 'RefusedError';
}

/** Drives each lane in a loop of its own until the time is over. */
export async function driveLanes(
  lanes: readonly (() => Promise<unknown>)[],
  ms: number,
  perSecond?: number,
): Promise<LoadResult> {
  const startedAt = performance.now();
  const endsAt = startedAt + ms;
  const latenciesMs: number[] = [];
  const pauseMs = perSecond === undefined ? 0 : (1000 * lanes.length) / perSecond;
  let units = 0;
  await Promise.all(
    lanes.map(async (ask, index) => {
      let next = startedAt + (pauseMs * index) / lanes.length;
      while (performance.now() < endsAt) {
        if (pauseMs > 0) {
          const wait = next - performance.now();
          if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
          next += pauseMs;
        }
        const sentAt = performance.now();
        await ask();
        if (pauseMs > 0) latenciesMs.push(performance.now() - sentAt);
        units += 1;
      }
    }),
  );
  return { units, seconds: (performance.now() - startedAt) / 1000, latenciesMs };
}
