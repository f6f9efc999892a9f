import type { Row } from '../bench.ts';
import { type Measured, measureBeside, type Traffic } from '../measure.ts';
import { cpuOf } from '../table.ts';
import { http1Spec } from './http1.ts';

const BYTES = 100_000;

function scrub(https: boolean): Row {
  const name = `scrub-${https ? 'tls' : 'plain'}`;
  return {
    name,
    about: `answers of ${BYTES} bytes with and without a credential to scrub, ${https ? 'TLS intercepted' : 'plain'}`,
    measure: async (bench) => {
      // Only Sidekey scrubs; the others inject everywhere.
      const field = bench.field.filter((runner) => runner.forwarder?.leaks === false);
      const traffic = (injected: boolean): Traffic => ({
        name: `${name}-${injected ? 'injected' : 'open'}`,
        required: true,
        spec: (forwarder) => http1Spec(forwarder, bench.world.upstream, { https, bytes: BYTES, injected }),
      });
      const [scrubbed = [], open = []] = await measureBeside({ ...bench, field }, [traffic(true), traffic(false)]);
      return {
        title: `Scrubbing, ${https ? 'TLS intercepted' : 'plain'}, answers of ${BYTES} bytes`,
        columns: [
          'forwarder',
          'CPU us scrubbed',
          'CPU us open',
          'CPU added',
          'answers/s scrubbed',
          'answers/s open',
          'rate lost',
        ],
        lines: scrubbed.map((with_) =>
          compare(
            with_,
            open.find((other) => other.name === with_.name),
          ),
        ),
      };
    },
  };
}

export const scrubRows = [scrub(false), scrub(true)];

function compare(scrubbed: Measured, open: Measured | undefined): string[] {
  if (scrubbed.state === 'missing' || open?.state !== 'measured') return [scrubbed.name, 'not measured'];
  const [cpu, cpuOpen] = [cpuOf(scrubbed), cpuOf(open)];
  const [rate, rateOpen] = [scrubbed.units / scrubbed.seconds, open.units / open.seconds];
  return [
    scrubbed.name,
    cpu.toFixed(1),
    cpuOpen.toFixed(1),
    `${(100 * (cpu / cpuOpen - 1)).toFixed(0)} %`,
    rate.toFixed(0),
    rateOpen.toFixed(0),
    `${(100 * (1 - rate / rateOpen)).toFixed(0)} %`,
  ];
}
