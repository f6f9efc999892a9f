import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { AUTHORIZATION } from '../credential.ts';
import { type BenchWorld, type Contender, freePort, isInstalled, ownFolder, startProgram } from '../forwarder.ts';

/**
 * nginx as a reverse proxy with one worker. It has no CONNECT and makes no certificates: the agent dials it as if it
 * were the upstream, and it has one ready P-256 leaf. Towards an HTTP/2 upstream it can only speak gRPC (`grpc_pass`).
 */
export const nginx: Contender = {
  name: 'nginx',
  missing: () => (isInstalled('nginx', ['-v']) ? undefined : 'not installed'),
  start: async (world) => {
    const folder = ownFolder(world, 'nginx');
    const [plain, secure] = [await freePort(), await freePort()];
    const file = join(folder, 'nginx.conf');
    for (const [name, text] of [
      ['key.pem', world.tls.key],
      ['cert.pem', world.tls.cert],
      ['ca.pem', world.caPem],
    ] as const) {
      writeFileSync(join(folder, name), text);
    }
    writeFileSync(file, configuration(world, folder, plain, secure));
    const program = await startProgram('nginx', ['-p', folder, '-c', file, '-e', 'stderr'], plain);
    const tls = { style: 'reverse', port: secure } as const;
    return {
      name: 'nginx',
      caPem: world.caPem,
      leaks: true,
      lanes: {
        plain: { style: 'reverse', port: plain },
        secure: tls,
        h2: tls,
        grpc: tls,
        websocket: tls,
        sse: tls,
        transparent: { style: 'redirected', port: secure },
      },
      ...program,
    };
  },
};

function configuration(world: BenchWorld, folder: string, plain: number, secure: number): string {
  const { upstream } = world;
  return `
daemon off;
worker_processes 1;
${process.getuid?.() === 0 ? 'user root;' : ''}
pid ${folder}/nginx.pid;
error_log stderr crit;
worker_rlimit_nofile 16384;
events { worker_connections 8192; }
http {
  access_log off;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  keepalive_requests 100000000;
  keepalive_timeout 300s;
  http2_max_concurrent_streams 256;
  upstream plain { server 127.0.0.1:${upstream['plain']}; keepalive 256; keepalive_requests 100000000; }
  upstream secure { server 127.0.0.1:${upstream['secure']}; keepalive 1024; keepalive_requests 100000000; }
  upstream h2 { server 127.0.0.1:${upstream['h2']}; keepalive 256; keepalive_requests 100000000; }
  proxy_http_version 1.1;
  proxy_request_buffering off;
  proxy_set_header Host $http_host;
  proxy_set_header Connection "";
  proxy_set_header Authorization "${AUTHORIZATION}";
  proxy_ssl_verify on;
  proxy_ssl_trusted_certificate ${folder}/ca.pem;
  proxy_ssl_name localhost;
  proxy_ssl_server_name on;
  proxy_ssl_protocols TLSv1.2 TLSv1.3;
  proxy_ssl_session_reuse on;
  grpc_ssl_verify on;
  grpc_ssl_trusted_certificate ${folder}/ca.pem;
  grpc_ssl_name localhost;
  grpc_ssl_server_name on;
  grpc_ssl_protocols TLSv1.2 TLSv1.3;
  ssl_certificate ${folder}/cert.pem;
  ssl_certificate_key ${folder}/key.pem;
  ssl_protocols TLSv1.2 TLSv1.3;
  ssl_session_cache shared:tls:4m;
  server {
    listen 127.0.0.1:${plain} backlog=1024;
    location / { proxy_pass http://plain; }
  }
  server {
    listen 127.0.0.1:${secure} ssl http2 backlog=1024;
    location / { proxy_pass https://secure; }
    location /secret/events { proxy_pass https://secure; proxy_buffering off; }
    location /secret/websocket {
      proxy_pass https://secure;
      proxy_set_header Host $http_host;
      proxy_set_header Authorization "${AUTHORIZATION}";
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection "upgrade";
    }
    location /secret.Echo/ {
      grpc_pass grpcs://h2;
      grpc_set_header Authorization "${AUTHORIZATION}";
    }
  }
}
`;
}
