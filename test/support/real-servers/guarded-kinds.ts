import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { apache, caddy, haproxy, nginx, write } from './configs.ts';
import type { Command } from './launch.ts';

interface Place {
  readonly folder: string;
  /** The files that are served. */
  readonly root: string;
  readonly port: number;
  /** For a server behind the server. */
  readonly behind: number;
}

interface Kind {
  /** Succeeds where all that it needs is here. */
  readonly probe: Command;
  /** Debian's package. */
  readonly needs: string;
  /** What is to run, and the port at which it then listens. */
  commands(place: Place): readonly (readonly [number, Command])[];
}

const HERE = import.meta.dirname;
const PYTHON = process.env['SIDEKEY_TEST_PYTHON'] ?? '/usr/bin/python3';
const TOMCAT = ['tomcat10-embed-core', 'tomcat10-embed-el', 'tomcat10-annotations-api'].map(
  (jar) => `/usr/share/java/${jar}.jar`,
);

function single(probe: Command, needs: string, command: (place: Place) => Command): Kind {
  return { probe, needs, commands: (place) => [[place.port, command(place)]] };
}

function python(name: string, needs: string): Kind {
  return single([PYTHON, '-c', `import ${name}`], needs, ({ port, root }) => [
    PYTHON,
    join(HERE, 'guarded.py'),
    name,
    String(port),
    root,
  ]);
}

function ruby(name: string, needs: string): Kind {
  return single(['ruby', '-e', `require '${name}'`], needs, ({ port, root }) => [
    'ruby',
    join(HERE, 'guarded.rb'),
    name,
    String(port),
    root,
  ]);
}

/** What a servlet container does with `%2F`. */
function tomcat(solidus: 'reject' | 'decode' | 'passthrough'): Kind {
  const path = TOMCAT.join(':');
  const probe: Command = ['sh', '-c', `command -v javac && ls ${TOMCAT.join(' ')}`];
  return single(probe, 'libtomcat10-embed-java', ({ port, folder }) => {
    spawnSync('javac', ['-d', folder, '-cp', path, '-sourcepath', HERE, join(HERE, 'GuardedTomcat.java')]);
    const main = ['GuardedTomcat', String(port), folder, solidus];
    return ['java', '-XX:TieredStopAtLevel=1', '-cp', `${folder}:${path}`, ...main];
  });
}

const PRIVATE = 'location = /private { return 200 "MARKER"; } location /private/ { return 200 "MARKER"; }';
const NGINX: Command = ['nginx', '-v'];

/** nginx that forwards to nginx: paths as they came, or as it understood them. */
function nginxBefore(forward: (behind: number) => string): Kind {
  return single(NGINX, 'nginx', (place) =>
    nginx(
      place,
      `server { listen 127.0.0.1:${place.port}; ${forward(place.behind)} }
       server { listen 127.0.0.1:${place.behind}; ${PRIVATE} location / { return 200 "public"; } }`,
    ),
  );
}

function overApache(directives: string): Kind {
  const files = (root: string): string =>
    `TypesConfig /dev/null\nDocumentRoot ${root}\nDirectoryIndex index.html\nAcceptPathInfo On\n${directives}`;
  return single(['sh', '-c', 'command -v apache2'], 'apache2-bin', (place) =>
    apache(place, place.port, 'dir mime rewrite', files(place.root)),
  );
}

export const GUARDED_KINDS: Readonly<Record<string, Kind>> = {
  'nginx locations': single(NGINX, 'nginx', (place) =>
    nginx(place, `server { listen 127.0.0.1:${place.port}; root ${place.root}; ${PRIVATE} location /public/ { } }`),
  ),
  'nginx files, slashes not merged': single(NGINX, 'nginx', (place) =>
    nginx(place, `server { listen 127.0.0.1:${place.port}; root ${place.root}; merge_slashes off; }`),
  ),
  'nginx before nginx': nginxBefore((behind) => `location / { proxy_pass http://127.0.0.1:${behind}; }`),
  'nginx with a URI before nginx': nginxBefore(
    (behind) =>
      `location /public/ { proxy_pass http://127.0.0.1:${behind}/public/; } location / { proxy_pass http://127.0.0.1:${behind}/; }`,
  ),
  'nginx rewriting before nginx': nginxBefore(
    (behind) => `location / { rewrite ^(.*)$ $1 break; proxy_pass http://127.0.0.1:${behind}; }`,
  ),
  apache: overApache('RedirectMatch 302 ^/+private(/|$) http://MARKER/'),
  'apache, encoded slashes': overApache(
    'AllowEncodedSlashes On\nMergeSlashes Off\nRewriteEngine On\nRewriteRule ^/+private(/|$) /private/marker.txt [L]',
  ),
  'apache, encoded slashes kept': overApache(
    'AllowEncodedSlashes NoDecode\n<Location /private>\nRedirect 302 http://MARKER/\n</Location>',
  ),
  lighttpd: single(['sh', '-c', 'command -v lighttpd'], 'lighttpd', (place) => {
    const { root, port } = place;
    const file = write(
      place,
      'lighttpd.conf',
      `server.modules = ("mod_redirect")
server.document-root = "${root}"
server.bind = "127.0.0.1"
server.port = ${port}
index-file.names = ("index.html")
$HTTP["url"] =~ "^/private(/|$)" { url.redirect = ("" => "http://MARKER/") }
`,
    );
    return ['lighttpd', '-D', '-f', file];
  }),
  haproxy: single(['haproxy', '-v'], 'haproxy', (place) =>
    haproxy(
      place,
      'expose-experimental-directives',
      `frontend in
  bind 127.0.0.1:${place.port}
  http-request normalize-uri path-merge-slashes
  http-request normalize-uri path-strip-dot
  http-request normalize-uri path-strip-dotdot full
  http-request return status 200 content-type text/plain string MARKER if { path,url_dec -i -m reg ^/private(/|$) }
  http-request return status 200 content-type text/plain string public`,
    ),
  ),
  caddy: single(['caddy', 'version'], 'caddy', (place) =>
    caddy(
      place,
      `http://:${place.port} {
  bind 127.0.0.1
  @private path /private /private/*
  respond @private MARKER
  root * ${place.root}
  file_server
}`,
    ),
  ),
  php: single(['php', '-v'], 'php-cli', ({ root, port }) => ['php', '-q', '-S', `127.0.0.1:${port}`, '-t', root]),
  express: single([process.execPath, '--version'], 'node', ({ root, port }) => [
    process.execPath,
    join(HERE, 'guarded.mjs'),
    String(port),
    root,
  ]),
  go: single(['go', 'version'], 'golang-go', ({ folder, root, port }) => {
    spawnSync('go', ['build', '-o', join(folder, 'guarded'), join(HERE, 'guarded.go')]);
    return [join(folder, 'guarded'), String(port), root];
  }),
  "Python's http.server": python('http.server', 'python3'),
  gunicorn: python('gunicorn', 'gunicorn'),
  uvicorn: python('uvicorn', 'uvicorn'),
  waitress: python('waitress', 'python3-waitress'),
  cheroot: python('cheroot', 'python3-cheroot'),
  aiohttp: python('aiohttp', 'python3-aiohttp'),
  tornado: python('tornado', 'python3-tornado'),
  twisted: python('twisted', 'python3-twisted'),
  webrick: ruby('webrick', 'ruby-webrick'),
  puma: ruby('puma', 'puma'),
  'tomcat, encoded slashes decoded': tomcat('decode'),
  'tomcat, encoded slashes passed': tomcat('passthrough'),
};
