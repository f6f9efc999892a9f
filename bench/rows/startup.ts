import { spawn } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { bareNode } from '../baselines/bare-node.ts';
import type { Bench, Row } from '../bench.ts';
import { nodesOf } from '../field.ts';
import { type BenchWorld, freePort, listens } from '../forwarder.ts';
import { readUsage } from '../process-usage.ts';

const STARTS = 15;
const POLL_MS = 2;
const TIMEOUT_MS = 30_000;

const TITLE = 'Start-up, ms from spawn to the first accepted connection, and the CPU ms spent until then';

interface Start {
  readonly wallMs: number;
  readonly cpuMs: number;
}

/** A command that listens on `port` once it is up. */
interface Starting {
  readonly name: string;
  args(world: BenchWorld, port: number): string[];
}

const STARTINGS: readonly Starting[] = [
  {
    name: 'a bare Node server',
    args: (_world, port) => bareNode(port),
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
      STARTINGS.map((starting) => ({ node, starting, name: `${starting.name}${node.suffix}`, starts: [] as Start[] })),
    );
    for (let round = 0; round < STARTS; round += 1) {
      for (const { node, starting, starts } of field) starts.push(await startOnce(bench, node.path, starting));
      process.stderr.write('.');
    }
    process.stderr.write('\n');
    return {
      title: TITLE,
      columns: ['program', 'best', 'median', 'worst', 'CPU best', 'CPU median', 'CPU over bare Node'],
      lines: field.map(({ node, name, starts }) => {
        const wall = sorted(starts, 'wallMs');
        const cpu = sorted(starts, 'cpuMs');
        const bare = sorted(field.find((one) => one.node === node)?.starts ?? [], 'cpuMs');
        const over = (cpu[0] ?? Number.NaN) - (bare[0] ?? Number.NaN);
        return [name, wall[0], median(wall), wall.at(-1), cpu[0], median(cpu), over].map(show);
      }),
    };
  },
};

function sorted(starts: readonly Start[], by: keyof Start): number[] {
  return starts.map((start) => start[by]).sort((a, b) => a - b);
}

function median(values: readonly number[]): number | undefined {
  return values[values.length >> 1];
}

function show(value: string | number | undefined): string {
  return typeof value === 'number' ? value.toFixed(0) : (value ?? '-');
}

async function startOnce(bench: Bench, node: string, starting: Starting): Promise<Start> {
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
  const wallMs = performance.now() - startedAt;
  const cpuMs = readUsage(child.pid ?? 0).cpuUs / 1000;
  child.kill('SIGKILL');
  await ended;
  return { wallMs, cpuMs };
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
