import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Command, Launch } from './launch.ts';
import { freePort } from '../free-port.ts';
import { HOSTS } from '../proxy-world.ts';
import { makeTlsIdentity } from '../tls-identity.ts';
import { HTTP2_PROXIES, PROXIES } from './proxies.ts';

/** A request as a server understood it. */
export interface Understood {
  readonly method: string;
  /** As it came; or decoded, where the server tells nothing else. */
  readonly target?: string;
  readonly path?: string;
  readonly host: string | null;
  readonly case: string | null;
  readonly credential: boolean;
  /** Base64; missing where the server left it unread. */
  readonly body?: string;
}

export interface RealServer {
  readonly port: number;
  /** That of its certificate, where it speaks TLS. */
  readonly caPem: string | undefined;
  /** What it understood, in order. */
  readonly seen: Understood[];
  close(): void;
}

interface Kind {
  /** Succeeds where all that it needs is here. */
  readonly probe: Command;
  /** Debian's package. */
  readonly needs: string;
  command(port: number, folder: string): Command;
}

const HERE = import.meta.dirname;
const PYTHON = process.env['SIDEKEY_TEST_PYTHON'] ?? '/usr/bin/python3';
const JARS = '/usr/share/java';

function java(main: string, needs: string, jars: readonly string[]): Kind {
  const files = jars.map((jar) => `${JARS}/${jar}.jar`);
  const path = files.join(':');
  return {
    probe: ['sh', '-c', `command -v javac && ls ${files.join(' ')}`],
    needs,
    command: (port, folder) => {
      spawnSync('javac', ['-d', folder, '-cp', path, '-sourcepath', HERE, join(HERE, `${main}.java`)]);
      return ['java', '-XX:TieredStopAtLevel=1', '-cp', `${folder}:${path}`, main, String(port), folder];
    },
  };
}

function python(name: string, module: string, needs: string): Kind {
  return {
    probe: [PYTHON, '-c', `import ${module}`],
    needs,
    command: (port) => [PYTHON, join(HERE, 'echo.py'), name, String(port)],
  };
}

function ruby(name: string, needs: string): Kind {
  return {
    probe: ['ruby', '-e', `require '${name}'`],
    needs,
    command: (port) => ['ruby', join(HERE, 'echo.rb'), name, String(port)],
  };
}

const node = (port: number): Command => [process.execPath, join(HERE, 'echo.mjs'), String(port)];

const ECHOING: Readonly<Record<string, Kind>> = {
  node: { probe: [process.execPath, '--version'], needs: 'node', command: node },
  go: {
    probe: ['go', 'version'],
    needs: 'golang-go',
    command: (port, folder) => {
      spawnSync('go', ['build', '-o', join(folder, 'echo'), join(HERE, 'echo.go')]);
      return [join(folder, 'echo'), String(port)];
    },
  },
  'http.server': python('http.server', 'http.server', 'python3'),
  'gunicorn sync': python('gunicorn sync', 'gunicorn', 'gunicorn'),
  'gunicorn gthread': python('gunicorn gthread', 'gunicorn', 'gunicorn'),
  'uvicorn h11': python('uvicorn h11', 'uvicorn, h11', 'uvicorn'),
  'uvicorn httptools': python('uvicorn httptools', 'uvicorn, httptools', 'python3-httptools'),
  hypercorn: python('hypercorn', 'hypercorn', 'python3-hypercorn'),
  waitress: python('waitress', 'waitress', 'python3-waitress'),
  cheroot: python('cheroot', 'cheroot', 'python3-cheroot'),
  tornado: python('tornado', 'tornado', 'python3-tornado'),
  aiohttp: python('aiohttp', 'aiohttp', 'python3-aiohttp'),
  twisted: python('twisted', 'twisted', 'python3-twisted'),
  puma: ruby('puma', 'puma'),
  webrick: ruby('webrick', 'ruby-webrick'),
  php: {
    probe: ['php', '-v'],
    needs: 'php-cli',
    command: (port) => ['php', '-q', '-S', `127.0.0.1:${port}`, join(HERE, 'echo.php')],
  },
  tomcat: java('TomcatEcho', 'libtomcat10-embed-java', [
    'tomcat10-embed-core',
    'tomcat10-embed-el',
    'tomcat10-annotations-api',
  ]),
  jetty: java('JettyEcho', 'libjetty9-java', [
    'jetty9-server',
    'jetty9-http',
    'jetty9-io',
    'jetty9-util',
    'servlet-api',
  ]),
};

const FORWARDING = { ...PROXIES, ...HTTP2_PROXIES };

export const SERVERS: readonly string[] = [...Object.keys(ECHOING), ...Object.keys(FORWARDING)];

/** The package that a server needs and that is not here. */
export function missingFor(name: string): string | undefined {
  const { probe, needs } = ECHOING[name] ?? {
    probe: ['sh', '-c', `command -v ${FORWARDING[name]?.program}`],
    needs: FORWARDING[name]?.needs ?? name,
  };
  const [program, ...args] = probe;
  return program !== undefined && spawnSync(program, args).status === 0 ? undefined : needs;
}

export async function startRealServer(name: string): Promise<RealServer> {
  const launch = new Launch();
  const port = await freePort();
  const seen: Understood[] = [];
  const caPem = name in HTTP2_PROXIES ? writeIdentity(launch.folder) : undefined;
  const onLine = (line: string): void => {
    if (line.startsWith('{')) seen.push(JSON.parse(line) as Understood);
  };
  try {
    const echoing = ECHOING[name];
    const forwarding = FORWARDING[name];
    if (echoing !== undefined) await launch.run(echoing.command(port, launch.folder), port, onLine);
    else if (forwarding !== undefined) {
      const backend = await freePort();
      await launch.run(node(backend), backend, onLine);
      await launch.run(forwarding.command({ folder: launch.folder, port, backend }), port);
    }
  } catch (error) {
    launch.close();
    throw error;
  }
  return { port, caPem, seen, close: () => launch.close() };
}

function writeIdentity(folder: string): string {
  const { key, cert, caPem } = makeTlsIdentity(HOSTS);
  writeFileSync(join(folder, 'key.pem'), key);
  writeFileSync(join(folder, 'cert.pem'), cert);
  writeFileSync(join(folder, 'both.pem'), cert + key);
  return caPem;
}
