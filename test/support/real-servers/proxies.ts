import { apache, caddy, haproxy, nginx, write } from './configs.ts';
import type { Command } from './launch.ts';

/** Where a server that forwards stands, and the Node server behind it. */
interface Place {
  readonly folder: string;
  readonly port: number;
  readonly backend: number;
}

interface Kind {
  readonly program: string;
  /** Debian's package. */
  readonly needs: string;
  command(place: Place): Command;
}

function kind(program: string, command: Kind['command'], needs = program): Kind {
  return { program, needs, command };
}

const overNginx = (isHttp2: boolean): Kind =>
  kind('nginx', (place) => {
    const { folder, port, backend } = place;
    const certificate = `ssl_certificate ${folder}/cert.pem; ssl_certificate_key ${folder}/key.pem;`;
    return nginx(
      place,
      `${isHttp2 ? certificate : ''} upstream backend { server 127.0.0.1:${backend}; keepalive 8; keepalive_requests 1000000; }
  server { listen 127.0.0.1:${port}${isHttp2 ? ' ssl http2' : ''}; underscores_in_headers on;
    location /ignore { return 200 ignored; }
    location / { proxy_pass http://backend; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $http_host; } }`,
    );
  });

const overHaproxy = (isHttp2: boolean): Kind =>
  kind('haproxy', (place) => {
    const { folder, port, backend } = place;
    const tls = isHttp2 ? ` ssl crt ${folder}/both.pem alpn h2` : '';
    return haproxy(
      place,
      'log stderr format raw local0 emerg',
      `frontend in
  bind 127.0.0.1:${port}${tls}
  http-request return status 200 content-type text/plain string ignored if { path_beg /ignore }
  default_backend back
backend back
  server one 127.0.0.1:${backend}`,
    );
  });

const overCaddy = (isHttp2: boolean): Kind =>
  kind('caddy', (place) => {
    const { folder, port, backend } = place;
    return caddy(
      place,
      `${isHttp2 ? 'https' : 'http'}://:${port} {
  bind 127.0.0.1
  ${isHttp2 ? `tls ${folder}/cert.pem ${folder}/key.pem` : ''}
  respond /ignore* ignored
  reverse_proxy 127.0.0.1:${backend}
}`,
    );
  });

const overH2o = (isHttp2: boolean): Kind =>
  kind('h2o', (place) => {
    const { folder, port, backend } = place;
    const tls = isHttp2 ? `, ssl: { certificate-file: ${folder}/cert.pem, key-file: ${folder}/key.pem }` : '';
    const file = write(
      place,
      'h2o.conf',
      `num-threads: 1
error-log: /dev/null
listen: { host: 127.0.0.1, port: ${port}${tls} }
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
  });

/** `/ignore` is answered by the server itself, which reads no body for it; the rest by the server behind it. */
export const PROXIES: Readonly<Record<string, Kind>> = {
  nginx: overNginx(false),
  apache: kind(
    'apache2',
    (place) =>
      apache(
        place,
        place.port,
        'proxy proxy_http',
        `AllowEncodedSlashes NoDecode
ProxyPreserveHost On
RedirectMatch 302 ^/ignore http://a.test/
ProxyPass / http://127.0.0.1:${place.backend}/ nocanon`,
      ),
    'apache2-bin',
  ),
  haproxy: overHaproxy(false),
  caddy: overCaddy(false),
  lighttpd: kind('lighttpd', (place) => {
    const file = write(
      place,
      'lighttpd.conf',
      `server.modules = ("mod_proxy", "mod_redirect")
server.document-root = "${place.folder}"
server.bind = "127.0.0.1"
server.port = ${place.port}
server.max-keep-alive-requests = 1000000
server.max-keep-alive-idle = 600
$HTTP["url"] =~ "^/ignore" { url.redirect = ("" => "http://a.test/") }
$HTTP["url"] !~ "^/ignore" { proxy.server = ("" => (("host" => "127.0.0.1", "port" => ${place.backend}))) }
`,
    );
    return ['lighttpd', '-D', '-f', file];
  }),
  h2o: overH2o(false),
};

/** Over TLS, with ALPN. */
export const HTTP2_PROXIES: Readonly<Record<string, Kind>> = {
  'nginx over HTTP/2': overNginx(true),
  'haproxy over HTTP/2': overHaproxy(true),
  'caddy over HTTP/2': overCaddy(true),
  'h2o over HTTP/2': overH2o(true),
};
