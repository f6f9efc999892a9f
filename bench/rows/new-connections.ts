import type { Row } from '../bench.ts';
import { measure } from '../measure.ts';
import { cpuReport } from '../table.ts';
import { http1Spec } from './http1.ts';

const LANES = 8;

function newConnections(resume: boolean): Row {
  const name = `connections-${resume ? 'resumed' : 'full'}`;
  const title = `New intercepted connections with one request each, ${resume ? 'resuming TLS sessions' : 'full handshakes'}`;
  return {
    name,
    about: title,
    measure: async (bench) => {
      const results = await measure(bench, {
        name,
        required: true,
        spec: (forwarder) => {
          const what = { https: true, bytes: 200, injected: true, connections: LANES };
          const spec = http1Spec(forwarder, bench.world.upstream, what);
          return spec === undefined ? undefined : { ...spec, driver: 'new-connections', resume };
        },
      });
      return cpuReport(title, results, { unit: 'connection', resumed: true });
    },
  };
}

export const newConnectionRows = [newConnections(false), newConnections(true)];
