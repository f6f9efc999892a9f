import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { AUTHORIZATION } from '../credential.ts';
import { type BenchWorld, type Contender, freePort, isInstalled, ownFolder, startProgram } from '../forwarder.ts';

/** HAProxy as a reverse proxy with one thread: like nginx it makes no certificates; unlike it, HTTP/2 on both sides. */
export const haproxy: Contender = {
  name: 'HAProxy',
  missing: () => (isInstalled('haproxy', ['-v']) ? undefined : 'not installed'),
  start: async (world) => {
    const folder = ownFolder(world, 'haproxy');
    const ports = [await freePort(), await freePort(), await freePort()] as const;
    writeFileSync(join(folder, 'leaf.pem'), world.tls.cert + world.tls.key);
    writeFileSync(join(folder, 'ca.pem'), world.caPem);
    const file = join(folder, 'haproxy.cfg');
    writeFileSync(file, configuration(world, folder, ports));
    const program = await startProgram('haproxy', ['-db', '-f', file], ports[0]);
    const tls = { style: 'reverse', port: ports[1] } as const;
    const h2 = { style: 'reverse', port: ports[2] } as const;
    return {
      name: 'HAProxy',
      caPem: world.caPem,
      leaks: true,
      lanes: {
        plain: { style: 'reverse', port: ports[0] },
        secure: tls,
        websocket: tls,
        sse: tls,
        h2,
        grpc: h2,
        transparent: { style: 'redirected', port: ports[1] },
      },
      ...program,
    };
  },
};

function configuration(world: BenchWorld, folder: string, ports: readonly [number, number, number]): string {
  const { upstream } = world;
  const verify = `ssl verify required ca-file ${folder}/ca.pem sni str(localhost) verifyhost localhost`;
  const frontend = (name: string, bind: string): string => `
frontend ${name}
  bind ${bind} backlog 1024
  http-request set-header Authorization "${AUTHORIZATION}"
  default_backend ${name}
`;
  return `
global
  nbthread 1
  maxconn 4000
  tune.ssl.default-dh-param 2048
defaults
  mode http
  http-reuse always
  timeout connect 10s
  timeout client 300s
  timeout server 300s
  timeout tunnel 300s
  timeout http-keep-alive 300s
${frontend('plain', `127.0.0.1:${ports[0]}`)}
${frontend('secure', `127.0.0.1:${ports[1]} ssl crt ${folder}/leaf.pem alpn http/1.1`)}
${frontend('h2', `127.0.0.1:${ports[2]} ssl crt ${folder}/leaf.pem alpn h2`)}
backend plain
  server upstream 127.0.0.1:${upstream['plain']}
backend secure
  server upstream 127.0.0.1:${upstream['secure']} ${verify} alpn http/1.1
backend h2
  server upstream 127.0.0.1:${upstream['h2']} ${verify} alpn h2
`;
}
