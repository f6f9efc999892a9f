import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Place as FullPlace } from './kinds.ts';
import type { Command } from './launch.ts';

/** Configurations of servers that are told by a file what to do: what all of a kind have in common, and the command. */

const ENVOY_TYPES = 'type.googleapis.com/envoy.extensions';

interface Place {
  /** With `cert.pem` and `key.pem`, and both in `both.pem`, for servers that speak TLS. */
  readonly folder: string;
}

export function write({ folder }: Place, name: string, text: string): string {
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
}

/** @param http what stands in the `http` block beside what all need */
export function nginx(place: Place, http: string): Command {
  const { folder } = place;
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${folder}/${name};`,
  );
  const file = write(
    place,
    'nginx.conf',
    `daemon off; master_process off; pid ${folder}/pid; error_log stderr crit; user root;
events { worker_connections 256; }
http { access_log off; ${temporary.join(' ')} keepalive_requests 1000000; keepalive_timeout 600; default_type text/plain;
${http} }`,
  );
  return ['nginx', '-p', folder, '-c', file, '-e', 'stderr'];
}

/** @param modules beside those that every Apache has, by their short names */
export function apache(place: Place, port: number, modules: string, directives: string): Command {
  const { folder } = place;
  const loaded = `mpm_event authz_core alias ${modules}`
    .split(' ')
    .map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`);
  const file = write(
    place,
    'apache.conf',
    `${loaded.join('\n')}
User www-data
Group www-data
ServerName a.test
ServerRoot ${folder}
DefaultRuntimeDir ${folder}
PidFile ${folder}/pid
ErrorLog /dev/null
Listen 127.0.0.1:${port}
KeepAlive On
MaxKeepAliveRequests 0
KeepAliveTimeout 600
StartServers 1
ServerLimit 1
ThreadsPerChild 8
MaxRequestWorkers 8
MinSpareThreads 1
MaxSpareThreads 8
${directives}
`,
  );
  return ['apache2', '-f', file, '-X'];
}

export function haproxy(place: Place, global: string, sections: string): Command {
  const file = write(
    place,
    'haproxy.cfg',
    `global
  ${global}
defaults
  mode http
  timeout client 600s
  timeout server 600s
  timeout connect 5s
  timeout http-keep-alive 600s
${sections}
`,
  );
  return ['haproxy', '-f', file];
}

export function caddy(place: Place, site: string): Command {
  const file = write(
    place,
    'Caddyfile',
    `{
  admin off
  auto_https off
  storage file_system ${place.folder}
  servers {
    protocols h1 h2 h2c
  }
  log {
    output discard
  }
}
${site}
`,
  );
  return ['caddy', 'run', '--config', file, '--adapter', 'caddyfile'];
}

/** What begins with `/ignore` it answers itself; the rest comes from the backend. */
export function envoy(place: FullPlace): Command {
  const { folder, port, backend, speaks, callsPerConnection } = place;
  const address = (at: number): object => ({ socket_address: { address: '127.0.0.1', port_value: at } });
  const manager = {
    '@type': `${ENVOY_TYPES}.filters.network.http_connection_manager.v3.HttpConnectionManager`,
    stat_prefix: 'in',
    common_http_protocol_options: { max_requests_per_connection: callsPerConnection },
    codec_type: speaks === 'HTTP/1.1' ? 'HTTP1' : 'HTTP2',
    route_config: {
      virtual_hosts: [
        {
          name: 'all',
          domains: ['*'],
          routes: [
            { match: { prefix: '/ignore' }, direct_response: { status: 200 } },
            { match: { prefix: '/' }, route: { cluster: 'back' } },
          ],
        },
      ],
    },
    http_filters: [{ name: 'router', typed_config: { '@type': `${ENVOY_TYPES}.filters.http.router.v3.Router` } }],
  };
  const tls = {
    '@type': `${ENVOY_TYPES}.transport_sockets.tls.v3.DownstreamTlsContext`,
    common_tls_context: {
      alpn_protocols: ['h2'],
      tls_certificates: [
        { certificate_chain: { filename: `${folder}/cert.pem` }, private_key: { filename: `${folder}/key.pem` } },
      ],
    },
  };
  const chain = {
    filters: [{ name: 'http', typed_config: manager }],
    ...(speaks === 'HTTP/2' ? { transport_socket: { name: 'tls', typed_config: tls } } : {}),
  };
  const endpoints = [{ lb_endpoints: [{ endpoint: { address: address(backend) } }] }];
  const cluster = { name: 'back', load_assignment: { cluster_name: 'back', endpoints } };
  const listener = { name: 'in', address: address(port), filter_chains: [chain] };
  const file = write(
    place,
    'envoy.json',
    JSON.stringify({ static_resources: { listeners: [listener], clusters: [cluster] } }),
  );
  return ['envoy', '-c', file, '--concurrency', '1', '--disable-hot-restart', '--log-level', 'off'];
}
