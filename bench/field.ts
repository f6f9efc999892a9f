import { spawnSync } from 'node:child_process';
import { haproxy } from './baselines/haproxy.ts';
import { mitmproxy } from './baselines/mitmproxy.ts';
import { nginx } from './baselines/nginx.ts';
import { nodeBaseline, type NodeBinary, OWN_NODE, sidekey } from './baselines/node.ts';
import { squid } from './baselines/squid.ts';
import type { BenchWorld, Contender } from './forwarder.ts';
import type { BenchOptions } from './options.ts';

/** The straight way: what the load and the upstream can do with nothing between them. */
const direct: Contender = {
  name: 'direct',
  missing: () => undefined,
  start: async (world: BenchWorld) => {
    const access = { style: 'direct', port: 0 } as const;
    return {
      name: 'direct',
      pid: undefined,
      caPem: world.caPem,
      leaks: true,
      lanes: {
        plain: access,
        secure: access,
        h2: access,
        grpc: access,
        websocket: access,
        sse: access,
        transparent: access,
      },
      stop: () => {},
    };
  },
};

/** Who runs, in the order of the table. @throws Error when BENCH_NODE is not a Node */
export function chooseField(options: BenchOptions): Contender[] {
  const nodes = nodesOf(options);
  const { only } = options;
  return [
    direct,
    nginx,
    haproxy,
    squid,
    mitmproxy,
    ...nodes.flatMap((node) => [
      nodeBaseline('node:http + undici', 'node-http', ['plain', 'secure', 'sse'], node),
      nodeBaseline('node:http2', 'node-http2', ['h2', 'grpc'], node),
      nodeBaseline('http-proxy', 'http-proxy', ['plain', 'secure', 'websocket', 'sse'], node),
    ]),
    ...nodes.map(sidekey),
  ].filter(
    ({ name }) => only === undefined || name === 'direct' || only.some((word) => name.toLowerCase().startsWith(word)),
  );
}

/** The Node that runs this, and the one of BENCH_NODE. */
export function nodesOf({ otherNode }: BenchOptions): NodeBinary[] {
  return otherNode === undefined ? [OWN_NODE] : [OWN_NODE, readNode(otherNode)];
}

function readNode(path: string): NodeBinary {
  const { stdout } = spawnSync(path, ['--version'], { encoding: 'utf8' });
  const major = /^v(\d+)\./.exec(stdout ?? '')?.[1];
  if (major === undefined) throw new Error(`BENCH_NODE: ${path} is not a Node`);
  return { path, suffix: ` (node ${major})` };
}
