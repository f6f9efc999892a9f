import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import type { Kind, Place, Speaks } from './kinds.ts';
import type { Command } from './launch.ts';

/** Servers that answer with what they understood. */

const HERE = import.meta.dirname;
const PYTHON = process.env['SIDEKEY_TEST_PYTHON'] ?? '/usr/bin/python3';
const JARS = '/usr/share/java';
const HTTP1: readonly Speaks[] = ['HTTP/1.1'];
const ALL: readonly Speaks[] = ['HTTP/1.1', 'HTTP/2', 'h2c'];

function java(main: string, needs: string, jars: readonly string[]): Kind {
  const files = jars.map((jar) => `${JARS}/${jar}.jar`);
  const path = files.join(':');
  return {
    probe: ['sh', '-c', `command -v javac openssl && ls ${files.join(' ')}`],
    needs,
    speaks: ALL,
    command: ({ port, folder, speaks }) => {
      spawnSync('javac', ['-d', folder, '-cp', path, '-sourcepath', HERE, join(HERE, `${main}.java`)]);
      if (speaks === 'HTTP/2') {
        const key = ['-in', `${folder}/both.pem`, '-out', `${folder}/key.p12`, '-passout', 'pass:changeit'];
        spawnSync('openssl', ['pkcs12', '-export', ...key]);
      }
      return ['java', '-XX:TieredStopAtLevel=1', '-cp', `${folder}:${path}`, main, String(port), folder, speaks];
    },
  };
}

function python(name: string, module: string, needs: string, speaks = HTTP1): Kind {
  return {
    probe: [PYTHON, '-c', `import ${module}`],
    needs,
    speaks,
    command: (place) => [PYTHON, join(HERE, 'echo.py'), name, String(place.port), ...tlsFolder(place)],
  };
}

function ruby(name: string, needs: string): Kind {
  return {
    probe: ['ruby', '-e', `require '${name}'`],
    needs,
    speaks: HTTP1,
    command: ({ port }) => ['ruby', join(HERE, 'echo.rb'), name, String(port)],
  };
}

/** The further argument of a server that speaks TLS. */
function tlsFolder({ folder, speaks }: Place): string[] {
  return speaks === 'HTTP/2' ? [folder] : [];
}

export function nodeOverHttp1(port: number): Command {
  return [process.execPath, join(HERE, 'echo.mjs'), String(port)];
}

function go(speaks: readonly Speaks[], listen: string, probe: Command): Kind {
  return {
    probe,
    needs: 'golang-go',
    speaks,
    command: (place) => {
      const program = join(place.folder, 'echo');
      spawnSync('go', ['build', '-o', program, join(HERE, 'echo.go'), join(HERE, listen)]);
      return [program, String(place.port), ...tlsFolder(place)];
    },
  };
}

export const ECHOING: Readonly<Record<string, Kind>> = {
  node: {
    probe: [process.execPath, '--version'],
    needs: 'node',
    speaks: ALL,
    command: (place) =>
      place.speaks === 'HTTP/1.1'
        ? nodeOverHttp1(place.port)
        : [
            process.execPath,
            join(HERE, 'echo-http2.mjs'),
            String(place.port),
            String(place.callsPerConnection),
            ...tlsFolder(place),
          ],
  },
  go: go(['HTTP/1.1', 'HTTP/2'], 'listen.go', ['go', 'version']),
  'go 1.24': go(['h2c'], 'listen-h2c.go', ['sh', '-c', "go version | grep -E ' go1[.](2[4-9]|[3-9][0-9])'"]),
  'http.server': python('http.server', 'http.server', 'python3'),
  'gunicorn sync': python('gunicorn sync', 'gunicorn', 'gunicorn'),
  'gunicorn gthread': python('gunicorn gthread', 'gunicorn', 'gunicorn'),
  'uvicorn h11': python('uvicorn h11', 'uvicorn, h11', 'uvicorn'),
  'uvicorn httptools': python('uvicorn httptools', 'uvicorn, httptools', 'python3-httptools'),
  hypercorn: python('hypercorn', 'hypercorn', 'python3-hypercorn', ALL),
  waitress: python('waitress', 'waitress', 'python3-waitress'),
  cheroot: python('cheroot', 'cheroot', 'python3-cheroot'),
  tornado: python('tornado', 'tornado', 'python3-tornado'),
  aiohttp: python('aiohttp', 'aiohttp', 'python3-aiohttp'),
  twisted: python('twisted', 'twisted, h2, priority', 'python3-twisted, python3-h2, python3-priority', [
    'HTTP/1.1',
    'HTTP/2',
  ]),
  granian: python('granian', 'granian', 'granian (PyPI)', ALL),
  puma: ruby('puma', 'puma'),
  webrick: ruby('webrick', 'ruby-webrick'),
  php: {
    probe: ['php', '-v'],
    needs: 'php-cli',
    speaks: HTTP1,
    command: ({ port }) => ['php', '-q', '-S', `127.0.0.1:${port}`, join(HERE, 'echo.php')],
  },
  tomcat: java('TomcatEcho', 'libtomcat10-embed-java', [
    'tomcat10-embed-core',
    'tomcat10-embed-el',
    'tomcat10-annotations-api',
  ]),
  jetty: java('JettyEcho', 'libjetty9-java', [
    'jetty9-server',
    'jetty9-http',
    'jetty9-http2-server',
    'jetty9-http2-common',
    'jetty9-http2-hpack',
    'jetty9-alpn-server',
    'jetty9-alpn-java-server',
    'jetty9-io',
    'jetty9-util',
    'servlet-api',
  ]),
};
