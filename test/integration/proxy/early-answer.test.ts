import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TlsMode } from '../../../proto/gen/sidekey/v1/route.ts';
import { freePort } from '../../support/free-port.ts';
import { type ProxyWorld, route, startProxyWorld } from '../../support/worlds/proxy-world.ts';
import { makeTlsIdentity } from '../../support/tls-identity.ts';
import { until } from '../../support/until.ts';

// nginx refuses a body by its announced length, and closes without having read it.
const BODY_BYTES = 5_000_000;
const CALLS = 5;
const missing = spawnSync('nginx', ['-v']).status === 0 ? '' : 'skipped without nginx';
const identity = makeTlsIdentity(['api.test']);
const folder = mkdtempSync(join(tmpdir(), 'sidekey-early-'));

let stop = (): void => {};
let world: ProxyWorld;
let ports: { readonly plain: number; readonly secure: number };

beforeAll(async () => {
  if (missing !== '') return;
  ports = { plain: await freePort(), secure: await freePort() };
  writeFileSync(join(folder, 'key.pem'), identity.key);
  writeFileSync(join(folder, 'cert.pem'), identity.cert);
  writeFileSync(join(folder, 'nginx.conf'), configuration(ports.plain, ports.secure));
  const child = spawn('nginx', ['-p', folder, '-c', join(folder, 'nginx.conf'), '-e', 'stderr'], { stdio: 'ignore' });
  stop = () => void child.kill('SIGKILL');
  await until('nginx listens', () => listens(ports.secure), 15_000);
  world = await startProxyWorld({
    routes: () => [
      route({
        ports: [ports.plain, ports.secure],
        tls: { mode: TlsMode.TLS_MODE_PLAINTEXT, caPem: identity.caPem, serverName: '' },
      }),
    ],
  });
});

afterAll(async () => {
  await world?.close();
  stop();
  rmSync(folder, { recursive: true, force: true });
});

function configuration(plain: number, secure: number): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${folder}/${name};`,
  );
  return `daemon off; master_process off; pid ${folder}/pid; error_log stderr crit;
events { worker_connections 64; }
http { access_log off; ${temporary.join(' ')} client_max_body_size 1k; lingering_close off;
  server { listen 127.0.0.1:${plain}; listen 127.0.0.1:${secure} ssl;
    ssl_certificate ${folder}/cert.pem; ssl_certificate_key ${folder}/key.pem; location / { return 200 "ok"; } } }`;
}

let isUp = false;

function listens(port: number): boolean {
  const probe = net.connect(port, '127.0.0.1', () => (isUp = true));
  probe.on('error', () => {});
  probe.on('connect', () => probe.destroy());
  return isUp;
}

describe.skipIf(missing !== '')(`an answer that comes before its request has been read ${missing}`, () => {
  test.each(['plain', 'secure'] as const)('%s', async (kind) => {
    const port = ports[kind];
    for (let at = 0; at < CALLS; at += 1) {
      const agent = kind === 'secure' ? (await world.tlsAgent('api.test', port)).agent : await world.agent();
      const target = kind === 'secure' ? '/' : `http://api.test:${port}/`;
      const head = `POST ${target} HTTP/1.1\r\nHost: api.test:${port}\r\nContent-Length: ${BODY_BYTES}\r\n\r\n`;
      const answer = await agent.exchange(Buffer.concat([Buffer.from(head), Buffer.alloc(BODY_BYTES, 'x')]), 'POST');
      expect(answer.status).toBe(413);
      expect(answer.body.toString()).toContain('413 Request Entity Too Large');
      agent.destroy();
    }
  });
});
