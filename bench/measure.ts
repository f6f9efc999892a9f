import { dirname, resolve } from 'node:path';
import { mkdirSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import type { Bench, Runner } from './bench.ts';
import { AUTHORIZATION, CREDENTIAL } from './credential.ts';
import type { Child } from './child.ts';
import type { Forwarder } from './forwarder.ts';
import type { Opened } from './load/agent.ts';
import type { LoadResult, LoadSpec } from './load/spec.ts';
import { readUsage } from './process-usage.ts';
import { summarizeProfile } from './profile-summary.ts';

/** A Node forwarder compiles its hot functions over its first thousands of requests; that is not what a request costs. */
const WARM_UNITS = 20_000;
const MAX_WARM_SLICES = 8;

/** In steps of this; idle is below a tenth of a core. */
const SETTLE_TURN_MS = 200;
const MAX_SETTLE_TURNS = 150;

/** One traffic, the same for every forwarder. */
export interface Traffic {
  /** Short and fit for a file name. */
  readonly name: string;
  /** How the load goes through this forwarder; undefined when it has no such lane. */
  spec(forwarder: Forwarder): LoadSpec | undefined;
  /** A fixed rate a second beside the full load, for latencies. */
  readonly pacedPerSecond?: number;
  /** Traffic that Sidekey must carry: to be refused is an error, not a gap. */
  readonly required?: boolean;
}

export type Measured =
  | { readonly name: string; readonly state: 'missing'; readonly why: string }
  | ({ readonly name: string; readonly state: 'measured' } & Sums);

export interface Sums {
  cpuUs: number;
  units: number;
  seconds: number;
  resumed: number;
  readonly latenciesMs: number[];
}

interface Run {
  readonly forwarder: Forwarder;
  readonly traffic: Traffic;
  readonly spec: LoadSpec;
  readonly sums: Sums;
}

/** Every forwarder in turn, round after round, so that what the machine does meanwhile hits them alike. */
export async function measure(bench: Bench, traffic: Traffic): Promise<Measured[]> {
  const [results = []] = await measureBeside(bench, [traffic]);
  return results;
}

/** The same with several kinds of traffic, all in each round: for each its results. */
export async function measureBeside(bench: Bench, traffics: readonly Traffic[]): Promise<Measured[][]> {
  const runs: Run[] = [];
  const results: Measured[][] = [];
  for (const traffic of traffics) {
    const prepared: Measured[] = [];
    for (const runner of bench.field) prepared.push(await prepare(bench, runner, traffic, runs));
    results.push(prepared);
  }
  for (const run of runs) await warmUp(bench, run);
  for (let round = 1; round <= bench.options.rounds; round += 1) {
    for (const run of runs) await slice(bench, run, run.sums, round === bench.options.rounds);
    process.stderr.write('.');
  }
  process.stderr.write('\n');
  return results;
}

/** Adds to the runs what this forwarder can carry; its result fills up with them. */
async function prepare(bench: Bench, runner: Runner, traffic: Traffic, runs: Run[]): Promise<Measured> {
  const { name, forwarder } = runner;
  const missing = (why: string): Measured => ({ name, state: 'missing', why });
  if (forwarder === undefined) return missing(runner.missing ?? 'not started');
  const spec = traffic.spec(forwarder);
  if (spec === undefined) return missing('not supported');
  const refused = await openLoad(bench, forwarder, spec);
  if (refused !== undefined) {
    if (traffic.required === true) throw new Error(`${name}, ${traffic.name}: ${refused}`);
    return missing(`not supported: ${firstLine(refused)}`);
  }
  const result = { name, state: 'measured' as const, ...noSums() };
  runs.push({ forwarder, traffic, spec, sums: result });
  return result;
}

function noSums(): Sums {
  return { cpuUs: 0, units: 0, seconds: 0, resumed: 0, latenciesMs: [] };
}

/**
 * Waits until the control plane has stored the decision records of the slice before: its work would fall into the next
 * forwarder's slice, whose caches and turns it would take.
 */
async function settle(controlPlane: Child): Promise<void> {
  for (let turn = 0; turn < MAX_SETTLE_TURNS; turn += 1) {
    const before = readUsage(controlPlane.pid).cpuUs;
    await setTimeout(SETTLE_TURN_MS);
    if (readUsage(controlPlane.pid).cpuUs - before < SETTLE_TURN_MS * 100) return;
  }
}

/** Until a Node forwarder has done so many requests that its code is compiled; one slice for the others. */
async function warmUp(bench: Bench, run: Run): Promise<void> {
  const sums = noSums();
  for (let turn = 0; turn < MAX_WARM_SLICES && sums.units < WARM_UNITS; turn += 1) {
    await slice(bench, run, sums, false);
    if (run.forwarder.child === undefined) return;
  }
}

/** One forwarder's turn. */
async function slice(bench: Bench, { traffic, forwarder, spec }: Run, sums: Sums, last: boolean): Promise<void> {
  const { load, options } = bench;
  const refused = await openLoad(bench, forwarder, spec);
  if (refused !== undefined) throw new Error(`${forwarder.name}, ${traffic.name}: ${refused}`);
  const profiled = options.profile && last && forwarder.child !== undefined;
  if (profiled) await forwarder.child.ask({ profile: 'start' });
  const before = forwarder.pid === undefined ? 0 : readUsage(forwarder.pid).cpuUs;
  const result = await askLoad(bench, forwarder, traffic.name, { ms: options.sliceMs });
  const cpuUs = forwarder.pid === undefined ? 0 : readUsage(forwarder.pid).cpuUs - before;
  if (profiled) await saveProfile(bench, traffic, forwarder);
  if (traffic.pacedPerSecond !== undefined) await settle(bench.controlPlane);
  const paced =
    traffic.pacedPerSecond === undefined
      ? undefined
      : await askLoad(bench, forwarder, traffic.name, { ms: options.sliceMs / 2, perSecond: traffic.pacedPerSecond });
  await load.ask('close');
  await settle(bench.controlPlane);
  sums.cpuUs += cpuUs;
  sums.units += result.units;
  sums.seconds += result.seconds;
  sums.resumed += result.resumed ?? 0;
  sums.latenciesMs.push(...(paced ?? result).latenciesMs);
}

export async function askLoad(
  bench: Bench,
  forwarder: Forwarder,
  traffic: string,
  how: { ms: number; perSecond?: number },
): Promise<LoadResult> {
  try {
    return (await bench.load.ask({ run: how })) as LoadResult;
  } catch (cause) {
    throw new Error(`${forwarder.name}, ${traffic}: the load failed`, { cause });
  }
}

/**
 * Opens the load's connections and checks what came of the credential.
 * @returns why the forwarder refuses this traffic, or undefined
 * @throws Error when an answer is wrong, the credential did not arrive or it came back
 */
export async function openLoad(bench: Bench, forwarder: Forwarder, spec: LoadSpec): Promise<string | undefined> {
  let opened: Opened;
  try {
    opened = (await bench.load.ask({ open: spec })) as Opened;
  } catch (cause) {
    throw new Error(`${forwarder.name}, ${spec.driver} ${spec.path}: wrong answer`, { cause });
  }
  if ('refused' in opened) return opened.refused;
  if (spec.echoPath !== undefined) checkEcho(forwarder, spec, opened.echo ?? '');
  return undefined;
}

/** Under `/secret` the upstream has demanded the credential already; here it has answered with what it was sent. */
function checkEcho(forwarder: Forwarder, spec: LoadSpec, echo: string): void {
  const injected = spec.path.startsWith('/secret');
  const where = `${forwarder.name}, ${spec.driver} ${spec.echoPath}`;
  if (forwarder.leaks ? injected && echo !== AUTHORIZATION : echo.includes(CREDENTIAL)) {
    throw new Error(`${where}: ${forwarder.leaks ? 'the header was not injected' : 'the credential came back'}`);
  }
  if (!injected && echo !== '') throw new Error(`${where}: a header was injected where none should be`);
  if (injected && echo === '') throw new Error(`${where}: nothing came back`);
}

async function saveProfile(bench: Bench, traffic: Traffic, forwarder: Forwarder): Promise<void> {
  const name = `${forwarder.name}-${traffic.name}`.toLowerCase().replace(/[^a-z0-9]+/g, '-');
  const folder = dirname(bench.options.out);
  mkdirSync(folder, { recursive: true });
  const file = resolve(folder, `${name}.cpuprofile`);
  await forwarder.child?.ask({ profile: 'stop', file });
  console.log(`\n${forwarder.name}, ${traffic.name}: ${file}\n${summarizeProfile(file)}`);
}

/** Of an answer of Sidekey, its reason code too. */
function firstLine(text: string): string {
  const code = /"code":"([a-z-]+)"/.exec(text)?.[1];
  return `${(text.split(/[\r\n]/)[0] ?? '').slice(0, 70)}${code === undefined ? '' : ` (${code})`}`;
}
