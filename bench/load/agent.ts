import { serveParent } from '../child.ts';
import { becomeUser, closeAll } from './dial.ts';
import { openHttp1 } from './http1.ts';
import { openHttp2 } from './http2.ts';
import { openNewConnections } from './new-connections.ts';
import { openEventStreams } from './sse.ts';
import { openWebsockets } from './websocket.ts';
import { type LoadDriver, type LoadSpec, RefusedError } from './spec.ts';

/** The load generator, a process of its own so that it does not share a core's time with what it measures. */

const DRIVERS: Record<LoadSpec['driver'], (spec: LoadSpec) => Promise<LoadDriver>> = {
  http1: openHttp1,
  'new-connections': openNewConnections,
  http2: openHttp2,
  grpc: openHttp2,
  websocket: openWebsockets,
  sse: openEventStreams,
};

/** What `open` answers: whether the forwarder takes this kind of traffic, and what the upstream saw of the credential. */
export type Opened = { readonly refused: string } | { readonly echo: string | undefined };

let driver: LoadDriver | undefined;

async function answer(question: unknown): Promise<unknown> {
  const { open, run } = question as { open?: LoadSpec; run?: { ms: number; perSecond?: number } };
  if (open !== undefined) {
    closeAll();
    becomeUser(open.access.uid ?? process.getuid?.());
    try {
      driver = await DRIVERS[open.driver](open);
    } catch (error) {
      if (error instanceof RefusedError) return { refused: error.message } satisfies Opened;
      throw error;
    }
    return { echo: driver.echo } satisfies Opened;
  }
  if (run !== undefined && driver !== undefined) return driver.run(run.ms, run.perSecond);
  closeAll();
  return undefined;
}

serveParent(async () => ({}), answer);
