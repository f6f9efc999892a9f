import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import { dirname } from 'node:path';
import type { Bench, Row, Runner } from './bench.ts';
import { startChild, type Child } from './child.ts';
import { chooseField } from './field.ts';
import type { BenchWorld, Contender, Forwarder } from './forwarder.ts';
import { type BenchOptions, HELP, parseOptions } from './options.ts';
import { ROWS } from './rows/index.ts';
import { formatReport } from './table.ts';
import { benchPolicy, makeIdentities } from './world.ts';

/** One alternating run of every forwarder on every row. It fails on wrong answers, never on slow ones. */

const stops: (() => unknown)[] = [];

async function main(options: BenchOptions): Promise<void> {
  const rows = chooseRows(options);
  const contenders = chooseField(options);
  console.error('starting the upstream, the control plane and the forwarders');
  const identities = await makeIdentities();
  stops.push(() => rmSync(identities.folder, { recursive: true, force: true }));
  chmodSync(identities.folder, 0o755); // Squid gives up root and still has to read its files
  const upstream = keep(await startChild('upstream/main', { tls: identities.tls, fault: options.fault }));
  const load = keep(await startChild('load/agent', {}));
  const resources = benchPolicy(identities.jwks, upstream.ports);
  const controlPlane = keep(await startChild('control-plane', { folder: identities.folder, resources }));
  const connection = (await controlPlane.ask('connection')) as BenchWorld['controlPlane'];
  const world: BenchWorld = { ...identities, controlPlane: connection, upstream: upstream.ports };
  const field: Runner[] = [];
  for (const contender of contenders) field.push(await enter(contender, world));
  const fresh = async (contender: Contender): Promise<Forwarder> => keep(await contender.start(world));
  const bench: Bench = { options, world, field, load, controlPlane, fresh };
  const text = await measureAll(bench, rows);
  mkdirSync(dirname(options.out), { recursive: true });
  writeFileSync(options.out, text);
  console.error(`written to ${options.out}`);
}

async function enter(contender: Contender, world: BenchWorld): Promise<Runner> {
  const missing = contender.missing();
  const { name } = contender;
  if (missing !== undefined) return { contender, name, forwarder: undefined, missing };
  return { contender, name, forwarder: keep(await contender.start(world)), missing };
}

async function measureAll(bench: Bench, rows: readonly Row[]): Promise<string> {
  const parts = [describeMachine(bench.options)];
  console.log(parts[0]);
  for (const row of rows) {
    console.error(`${row.name} (${rows.indexOf(row) + 1} of ${rows.length})`);
    const report = formatReport(await row.measure(bench));
    console.log(report);
    parts.push(report);
  }
  return parts.join('\n');
}

function describeMachine({ rounds, sliceMs, profile }: BenchOptions): string {
  const cpus = os.cpus();
  return [
    `node ${process.version}, ${new Date().toISOString()}, Linux ${os.release()}`,
    `${cpus.length} x ${cpus[0]?.model.trim() ?? 'unknown CPU'}, load average ${os.loadavg()[0]?.toFixed(1)} at the start`,
    `${rounds} rounds of ${sliceMs} ms a forwarder, alternating${profile ? ', PROFILED: not for comparing' : ''}`,
    '',
  ].join('\n');
}

function chooseRows({ rows }: BenchOptions): Row[] {
  const unknown = rows?.find((word) => !ROWS.some((row) => row.name.startsWith(word)));
  if (unknown !== undefined) throw new Error(`--rows: there is no row "${unknown}"`);
  return ROWS.filter((row) => rows === undefined || rows.some((word) => row.name.startsWith(word)));
}

function keep<T extends Child | Forwarder>(started: T): T {
  stops.push(() => started.stop());
  return started;
}

let stopping: Promise<void> | undefined;

/** Once, whoever asks first: a signal and the error that it causes must not cut each other short. */
function stopAll(): Promise<void> {
  stopping ??= (async () => {
    for (let stop = stops.pop(); stop !== undefined; stop = stops.pop()) await stop();
  })();
  return stopping;
}

for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  process.once(signal, () => void stopAll().then(() => process.exit(code)));
}
try {
  const options = parseOptions(process.argv.slice(2), process.env);
  if (options.help)
    console.log(`${HELP}\nRows:\n${ROWS.map((row) => `  ${row.name.padEnd(20)} ${row.about}`).join('\n')}`);
  else await main(options);
} catch (error) {
  console.error(error);
  process.exitCode = 1;
} finally {
  await stopAll();
}
process.exit();
