import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { AUTHORIZATION } from '../credential.ts';
import { type Contender, freePort, isInstalled, ownFolder, startProgram } from '../forwarder.ts';
import { explicit } from './node.ts';

// Streaming is on, as in Sidekey: without it mitmproxy keeps whole bodies.
const SCRIPT = `
def requestheaders(flow):
    flow.request.headers["authorization"] = "${AUTHORIZATION}"

def responseheaders(flow):
    flow.response.stream = True
`;

/** mitmproxy's mitmdump with a script that sets the header. One process; it opens an upstream connection an agent connection. */
export const mitmproxy: Contender = {
  name: 'mitmproxy',
  missing: () => (isInstalled('mitmdump', ['--version']) ? undefined : 'not installed'),
  start: async (world) => {
    const folder = ownFolder(world, 'mitmproxy');
    const script = join(folder, 'inject.py');
    const upstreamCa = join(folder, 'upstream-ca.pem');
    writeFileSync(script, SCRIPT);
    writeFileSync(upstreamCa, world.caPem);
    const port = await freePort();
    const settings = [
      `confdir=${folder}`,
      `ssl_verify_upstream_trusted_ca=${upstreamCa}`,
      'flow_detail=0',
      'termlog_verbosity=error',
    ].flatMap((setting) => ['--set', setting]);
    const program = await startProgram(
      'mitmdump',
      ['-q', '--listen-host', '127.0.0.1', '--listen-port', String(port), '-s', script, ...settings],
      port,
    );
    return {
      name: 'mitmproxy',
      caPem: readFileSync(join(folder, 'mitmproxy-ca-cert.pem'), 'utf8'),
      leaks: true,
      lanes: explicit(port, ['plain', 'secure', 'h2', 'grpc', 'websocket', 'sse']),
      ...program,
    };
  },
};
