import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from './launch.ts';

/** Where a server that forwards stands, and the Node server behind it. */
interface Place {
  readonly folder: string;
  readonly port: number;
  readonly backend: number;
}

export interface Kind {
  readonly program: string;
  /** Debian's package. */
  readonly needs: string;
  command(place: Place): Command;
}

export function write({ folder }: Place, name: string, text: string): string {
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
}

/** `/ignore` is answered by the server itself, which reads no body for it; the rest by the server behind it. */
export const PROXIES: Readonly<Record<string, Kind>> = {
  nginx: {
    program: 'nginx',
    needs: 'nginx',
    command: (place) => {
      const { folder, port, backend } = place;
      const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
        (name) => `${name}_temp_path ${folder}/${name};`,
      );
      const file = write(
        place,
        'nginx.conf',
        `daemon off; master_process off; pid ${folder}/pid; error_log stderr crit;
events { worker_connections 256; }
http { access_log off; ${temporary.join(' ')} keepalive_requests 1000000; keepalive_timeout 600;
  upstream backend { server 127.0.0.1:${backend}; keepalive 8; keepalive_requests 1000000; }
  server { listen 127.0.0.1:${port}; underscores_in_headers on;
    location /ignore { return 200 ignored; }
    location / { proxy_pass http://backend; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $http_host; } } }`,
      );
      return ['nginx', '-p', folder, '-c', file, '-e', 'stderr'];
    },
  },
  apache: {
    program: 'apache2',
    needs: 'apache2-bin',
    command: (place) => {
      const { folder, port, backend } = place;
      const modules = 'mpm_event authz_core alias proxy proxy_http'
        .split(' ')
        .map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`);
      const file = write(
        place,
        'apache.conf',
        `${modules.join('\n')}
ServerName a.test
ServerRoot ${folder}
DefaultRuntimeDir ${folder}
PidFile ${folder}/pid
ErrorLog /dev/null
Listen 127.0.0.1:${port}
KeepAlive On
MaxKeepAliveRequests 0
KeepAliveTimeout 600
AllowEncodedSlashes NoDecode
ProxyPreserveHost On
StartServers 1
ServerLimit 1
ThreadsPerChild 8
MaxRequestWorkers 8
MinSpareThreads 1
MaxSpareThreads 8
RedirectMatch 302 ^/ignore http://a.test/
ProxyPass / http://127.0.0.1:${backend}/ nocanon
`,
      );
      return ['apache2', '-f', file, '-X'];
    },
  },
  haproxy: {
    program: 'haproxy',
    needs: 'haproxy',
    command: (place) => {
      const { port, backend } = place;
      const file = write(
        place,
        'haproxy.cfg',
        `global
  log stderr format raw local0 emerg
defaults
  mode http
  timeout client 600s
  timeout server 600s
  timeout connect 5s
  timeout http-keep-alive 600s
frontend in
  bind 127.0.0.1:${port}
  http-request return status 200 content-type text/plain string ignored if { path_beg /ignore }
  default_backend back
backend back
  server one 127.0.0.1:${backend}
`,
      );
      return ['haproxy', '-f', file];
    },
  },
  caddy: {
    program: 'caddy',
    needs: 'caddy',
    command: (place) => {
      const { folder, port, backend } = place;
      const file = write(
        place,
        'Caddyfile',
        `{
  admin off
  auto_https off
  storage file_system ${folder}
  log {
    output discard
  }
}
http://:${port} {
  bind 127.0.0.1
  respond /ignore* ignored
  reverse_proxy 127.0.0.1:${backend}
}
`,
      );
      return ['caddy', 'run', '--config', file, '--adapter', 'caddyfile'];
    },
  },
  lighttpd: {
    program: 'lighttpd',
    needs: 'lighttpd',
    command: (place) => {
      const { folder, port, backend } = place;
      const file = write(
        place,
        'lighttpd.conf',
        `server.modules = ("mod_proxy", "mod_redirect")
server.document-root = "${folder}"
server.bind = "127.0.0.1"
server.port = ${port}
server.max-keep-alive-requests = 1000000
server.max-keep-alive-idle = 600
$HTTP["url"] =~ "^/ignore" { url.redirect = ("" => "http://a.test/") }
$HTTP["url"] !~ "^/ignore" { proxy.server = ("" => (("host" => "127.0.0.1", "port" => ${backend}))) }
`,
      );
      return ['lighttpd', '-D', '-f', file];
    },
  },
  h2o: {
    program: 'h2o',
    needs: 'h2o',
    command: (place) => {
      const { port, backend } = place;
      const file = write(
        place,
        'h2o.conf',
        `num-threads: 1
error-log: /dev/null
listen: { host: 127.0.0.1, port: ${port} }
hosts:
  default:
    paths:
      "/ignore":
        redirect: { status: 302, url: "http://a.test/" }
      "/":
        proxy.reverse.url: "http://127.0.0.1:${backend}/"
        proxy.preserve-host: ON
`,
      );
      return ['h2o', '-c', file];
    },
  },
};
