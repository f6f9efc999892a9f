import { spawn } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Bench, Row } from '../bench.ts';
import { nodesOf } from '../field.ts';
import { type BenchWorld, freePort, listens } from '../forwarder.ts';

const STARTS = 9;
const POLL_MS = 2;
const TIMEOUT_MS = 30_000;

const TITLE = 'Start-up, ms from spawn to the first accepted connection';

/** A command that listens on `port` once it is up. */
interface Starting {
  readonly name: string;
  args(world: BenchWorld, port: number): string[];
}

const STARTINGS: readonly Starting[] = [
  {
    name: 'a bare Node server',
    args: (_world, port) => ['-e', `require('node:net').createServer().listen(${port},'127.0.0.1')`],
  },
  {
    name: 'dist/proxy.js',
    args: (world, port) => {
      const file = join(mkdtempSync(join(world.folder, 'start-')), 'config.json');
      writeFileSync(file, JSON.stringify(bundleConfig(world, port)));
      return [fileURLToPath(new URL('./starter.js', import.meta.url)), resolve('dist/proxy.js'), file];
    },
  },
  {
    name: 'dist/sidekey.js proxy',
    args: (world, port) => {
      const folder = mkdtempSync(join(world.folder, 'start-'));
      writeFileSync(join(folder, 'ca.pem'), world.controlPlane.caPem);
      writeFileSync(join(folder, 'token'), world.token);
      return [
        ...[resolve('dist/sidekey.js'), 'proxy', '--control-plane', world.controlPlane.address],
        ...['--control-plane-ca', join(folder, 'ca.pem'), '--evidence', `oidc=${join(folder, 'token')}`],
        ...['--listen', `127.0.0.1:${port}`, '--spool-dir', join(folder, 'spool'), '--log-level', 'silent'],
      ];
    },
  },
];

export const startupRow: Row = {
  name: 'startup',
  about: TITLE,
  measure: async (bench) => {
    const field = nodesOf(bench.options).flatMap((node) =>
      STARTINGS.map((starting) => ({ node, starting, name: `${starting.name}${node.suffix}`, times: [] as number[] })),
    );
    for (let round = 0; round < STARTS; round += 1) {
      for (const { node, starting, times } of field) times.push(await startOnce(bench, node.path, starting));
      process.stderr.write('.');
    }
    process.stderr.write('\n');
    return {
      title: TITLE,
      columns: ['program', 'best', 'median', 'worst'],
      lines: field.map(({ name, times }) => {
        times.sort((a, b) => a - b);
        return [name, ...[0, times.length >> 1, times.length - 1].map((at) => (times[at] ?? Number.NaN).toFixed(0))];
      }),
    };
  },
};

async function startOnce(bench: Bench, node: string, starting: Starting): Promise<number> {
  const port = await freePort();
  const args = starting.args(bench.world, port);
  const startedAt = performance.now();
  const child = spawn(node, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.once('error', () => {});
  while (!(await listens(port))) {
    if (child.exitCode !== null || child.pid === undefined || performance.now() - startedAt > TIMEOUT_MS) {
      child.kill('SIGKILL');
      throw new Error(`${starting.name} did not start`);
    }
    await sleep(POLL_MS);
  }
  const ms = performance.now() - startedAt;
  child.kill('SIGKILL');
  await ended;
  return ms;
}

function bundleConfig(world: BenchWorld, port: number): unknown {
  return {
    controlPlane: world.controlPlane,
    // Of the contract: EvidenceSubject, the workload.
    evidence: { kind: 'oidc', token: world.token, subject: 1 },
    listen: { host: '127.0.0.1', port },
    authority: 'local',
    unrouted: 'deny',
    upstreamCaPem: world.caPem,
    logLevel: 'silent',
  };
}
