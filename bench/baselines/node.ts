import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { startChild } from '../child.ts';
import { type Access, type Contender, freePort, type Lane, ownFolder } from '../forwarder.ts';

/** The forwarders that run in Node: Sidekey itself, and what one would write or install instead. */

/** @param node the Node to run it with, and the suffix that its name gets */
export function sidekey(node: NodeBinary): Contender {
  return {
    name: `sidekey${node.suffix}`,
    missing: () => undefined,
    start: async (world) => {
      const folder = ownFolder(world, 'sidekey');
      const caFile = join(folder, 'ca.pem');
      const transparentPort = await freePort();
      const config = {
        controlPlane: world.controlPlane,
        evidenceToken: world.token,
        caFile,
        // At full load the control plane, which has the lowest priority, stores records later than they come.
        spoolDir: mkdtempSync(join(folder, 'spool-')),
        upstreamCaPem: world.caPem,
        transparentPort,
      };
      const flags = flagsOfImage(readFileSync('Dockerfile', 'utf8'));
      compileAhead(node, flags);
      const child = await startChild('forwarders/sidekey', config, node.path, flags);
      return {
        name: `sidekey${node.suffix}`,
        pid: child.pid,
        child,
        caPem: readFileSync(caFile, 'utf8'),
        leaks: false,
        lanes: {
          ...explicit(child.ports['proxy'] ?? 0, ['plain', 'secure', 'h2', 'grpc', 'websocket', 'sse']),
          transparent: { style: 'redirected', port: transparentPort },
        },
        stop: child.stop,
      };
    },
  };
}

/** With which flags of Node the image starts Sidekey: those between `node` and the file that it runs. */
export function flagsOfImage(dockerfile: string): string[] {
  const entryPoint: unknown = JSON.parse(/^ENTRYPOINT (.*)$/m.exec(dockerfile)?.[1] ?? '[]');
  if (!Array.isArray(entryPoint) || entryPoint[0] !== 'node') throw new Error('the Dockerfile has another entry point');
  return entryPoint.slice(1, -1).map(String);
}

/** Makes the code cache of the proxy that the forwarder loads, as the image does: it holds for one Node and its flags. */
function compileAhead(node: NodeBinary, flags: readonly string[]): void {
  for (const name of ['proxy.js', 'proxy.cjs']) copyFileSync(`dist/${name}`, `dist/bench/${name}`);
  execFileSync(node.path, [...flags, 'scripts/lib/warm-proxy.mjs', 'dist/bench/proxy.js']);
}

/** A forwarder of dist/bench/forwarders/PROGRAM.js. */
export function nodeBaseline(name: string, program: string, lanes: readonly Lane[], node: NodeBinary): Contender {
  return {
    name: `${name}${node.suffix}`,
    missing: () => undefined,
    start: async (world) => {
      const child = await startChild(
        `forwarders/${program}`,
        { tls: world.tls, upstreamCaPem: world.caPem },
        node.path,
      );
      return {
        name: `${name}${node.suffix}`,
        pid: child.pid,
        child,
        caPem: world.caPem,
        leaks: true,
        lanes: explicit(child.ports['proxy'] ?? 0, lanes),
        stop: child.stop,
      };
    },
  };
}

export interface NodeBinary {
  readonly path: string;
  /** Empty, or such as ` (node 24)`. */
  readonly suffix: string;
}

export const OWN_NODE: NodeBinary = { path: process.execPath, suffix: '' };

/** The lanes of a proxy that is told by CONNECT, and by absolute-form where there is no TLS. */
export function explicit(port: number, names: readonly Lane[]): Partial<Record<Lane, Access>> {
  const lanes: Partial<Record<Lane, Access>> = {};
  for (const lane of names) lanes[lane] = { style: lane === 'plain' ? 'absolute' : 'connect', port };
  return lanes;
}
