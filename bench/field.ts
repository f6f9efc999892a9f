import { spawnSync } from 'node:child_process';
import { haproxy } from './baselines/haproxy.ts';
import { nginx } from './baselines/nginx.ts';
import { nodeBaseline, type NodeBinary, sidekey } from './baselines/node.ts';
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
      lanes: { plain: access, secure: access, h2: access, grpc: access, websocket: access, sse: access },
      stop: () => {},
    };
  },
};

/** Who runs, in the order of the table. @throws Error when BENCH_NODE is not a Node */
export function chooseField(options: BenchOptions): Contender[] {
  const others = options.otherNode === undefined ? [] : [readNode(options.otherNode)];
  const { only } = options;
  return [
    direct,
    nginx,
    haproxy,
    nodeBaseline('node:http + undici', 'node-http', ['secure']),
    ...others.map((node) => nodeBaseline('node:http + undici', 'node-http', ['secure'], node)),
    nodeBaseline('http-proxy', 'http-proxy', ['secure']),
    sidekey(),
    ...others.map(sidekey),
  ].filter(
    ({ name }) => only === undefined || name === 'direct' || only.some((word) => name.toLowerCase().startsWith(word)),
  );
}

function readNode(path: string): NodeBinary {
  const { stdout } = spawnSync(path, ['--version'], { encoding: 'utf8' });
  const major = /^v(\d+)\./.exec(stdout ?? '')?.[1];
  if (major === undefined) throw new Error(`BENCH_NODE: ${path} is not a Node`);
  return { path, suffix: ` (node ${major})` };
}
