import { write, type Kind } from './proxies.ts';

/** Over TLS, with ALPN; `cert.pem` and `key.pem` are in the folder. */
export const HTTP2_PROXIES: Readonly<Record<string, Kind>> = {
  'nginx over HTTP/2': {
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
  ssl_certificate ${folder}/cert.pem; ssl_certificate_key ${folder}/key.pem;
  upstream backend { server 127.0.0.1:${backend}; keepalive 8; keepalive_requests 1000000; }
  server { listen 127.0.0.1:${port} ssl http2; underscores_in_headers on;
    location /ignore { return 200 ignored; }
    location / { proxy_pass http://backend; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $http_host; } } }`,
      );
      return ['nginx', '-p', folder, '-c', file, '-e', 'stderr'];
    },
  },
  'haproxy over HTTP/2': {
    program: 'haproxy',
    needs: 'haproxy',
    command: (place) => {
      const { folder, port, backend } = place;
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
frontend in
  bind 127.0.0.1:${port} ssl crt ${folder}/both.pem alpn h2
  http-request return status 200 content-type text/plain string ignored if { path_beg /ignore }
  default_backend back
backend back
  server one 127.0.0.1:${backend}
`,
      );
      return ['haproxy', '-f', file];
    },
  },
  'caddy over HTTP/2': {
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
https://:${port} {
  bind 127.0.0.1
  tls ${folder}/cert.pem ${folder}/key.pem
  respond /ignore* ignored
  reverse_proxy 127.0.0.1:${backend}
}
`,
      );
      return ['caddy', 'run', '--config', file, '--adapter', 'caddyfile'];
    },
  },
  'h2o over HTTP/2': {
    program: 'h2o',
    needs: 'h2o',
    command: (place) => {
      const { folder, port, backend } = place;
      const file = write(
        place,
        'h2o.conf',
        `num-threads: 1
error-log: /dev/null
listen: { host: 127.0.0.1, port: ${port}, ssl: { certificate-file: ${folder}/cert.pem, key-file: ${folder}/key.pem } }
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
