import { parseArgs } from 'node:util';

export interface BenchOptions {
  /** Undefined: all. */
  readonly rows: readonly string[] | undefined;
  readonly only: readonly string[] | undefined;
  readonly rounds: number;
  readonly sliceMs: number;
  /** Another Node to run the Node forwarders with. */
  readonly otherNode: string | undefined;
  readonly profile: boolean;
  readonly out: string;
  readonly fault: Fault | undefined;
  readonly help: boolean;
}

export type Fault = (typeof FAULTS)[number];

const FAULTS = ['short', 'status', 'credential'] as const;

export const HELP = `npm run bench -- [options]

  --rows a,b      only these rows (see the list below)
  --only x,y      only forwarders whose name begins so (sidekey, nginx, haproxy, squid, mitmproxy, node, http-proxy);
                  "direct" always runs
  --out FILE      where the table goes (bench/results/latest.txt)
  --profile       write a CPU profile of each Node forwarder and row to bench/results/*.cpuprofile and print where its
                  time went; the profiler costs time itself, so the table of such a run is not for comparing
  --fault KIND    prove that the bench notices: the upstream answers one byte short (short), with an error (status), or
                  demands another credential than the one that is injected (credential)
  --help

  BENCH_ROUNDS    measured rounds, after warming up (3)
  BENCH_SLICE_MS  how long each forwarder runs in a round (1500)
  BENCH_NODE      path of another Node: runs the Node forwarders with it too, in rows "sidekey (node 24)"

It fails on wrong answers, never on slow ones. Baselines from Debian are installed when root, else "not installed".
`;

/** @throws Error when an option is unknown or not a number */
export function parseOptions(args: readonly string[], env: NodeJS.ProcessEnv): BenchOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rows: { type: 'string' },
      only: { type: 'string' },
      out: { type: 'string', default: 'bench/results/latest.txt' },
      profile: { type: 'boolean', default: false },
      fault: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  return {
    rows: words(values.rows),
    only: words(values.only?.toLowerCase()),
    rounds: count('BENCH_ROUNDS', env['BENCH_ROUNDS'] ?? '3'),
    sliceMs: count('BENCH_SLICE_MS', env['BENCH_SLICE_MS'] ?? '1500'),
    otherNode: env['BENCH_NODE'] || undefined,
    profile: values.profile,
    out: values.out,
    fault: fault(values.fault),
    help: values.help,
  };
}

function fault(text: string | undefined): Fault | undefined {
  const found = FAULTS.find((known) => known === text);
  if (text !== undefined && found === undefined) throw new Error(`--fault: use ${FAULTS.join(', ')}`);
  return found;
}

function words(text: string | undefined): string[] | undefined {
  return text?.split(',').map((word) => word.trim());
}

function count(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new Error(`${name}: use a whole number above 0, not "${text}"`);
  return value;
}
