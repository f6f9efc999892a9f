import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ECHOING, nodeOverHttp1 } from './echoing.ts';
import type { Kind, Speaks } from './kinds.ts';
import { Launch } from './launch.ts';
import { freePort } from '../free-port.ts';
import { HOSTS } from '../worlds/proxy-world.ts';
import { makeTlsIdentity } from '../tls-identity.ts';
import { PROXIES } from './proxies.ts';

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
  readonly over: Speaks;
  /** That of its certificate, where it speaks TLS. */
  readonly caPem: string | undefined;
  /** What it understood, in order. */
  readonly seen: Understood[];
  close(): void;
}

interface Named extends Kind {
  readonly forwards: boolean;
  readonly over: Speaks;
}

const NAMED: Readonly<Record<string, Named>> = Object.fromEntries([
  ...waysOf(ECHOING, false),
  ...waysOf(PROXIES, true),
]);

function waysOf(kinds: Readonly<Record<string, Kind>>, forwards: boolean): [string, Named][] {
  return Object.entries(kinds).flatMap(([name, kind]) =>
    kind.speaks.map((over): [string, Named] => [
      over === 'HTTP/1.1' ? name : `${name} over ${over}`,
      { ...kind, forwards, over },
    ]),
  );
}

function named(name: string): Named {
  const kind = NAMED[name];
  if (kind === undefined) throw new Error(`no server is called ${name}`);
  return kind;
}

export const SERVERS: readonly string[] = Object.keys(NAMED);

/** The package that a server needs and that is not here. */
export function missingFor(name: string): string | undefined {
  const { probe, needs } = named(name);
  const [program, ...args] = probe;
  return spawnSync(program, args).status === 0 ? undefined : needs;
}

export async function startRealServer(name: string, callsPerConnection = 1_000_000): Promise<RealServer> {
  const { over, forwards, command } = named(name);
  const launch = new Launch();
  const [port, backend] = [await freePort(), await freePort()];
  const seen: Understood[] = [];
  const caPem = over === 'HTTP/2' ? writeIdentity(launch.folder) : undefined;
  const onLine = (line: string): void => {
    if (line.startsWith('{')) seen.push(JSON.parse(line) as Understood);
  };
  try {
    if (forwards) await launch.run(nodeOverHttp1(backend), backend, onLine);
    const place = { folder: launch.folder, port, backend, speaks: over, callsPerConnection };
    await launch.run(command(place), port, forwards ? () => {} : onLine);
  } catch (error) {
    launch.close();
    throw error;
  }
  return { port, over, caPem, seen, close: () => launch.close() };
}

function writeIdentity(folder: string): string {
  const { key, cert, caPem } = makeTlsIdentity(HOSTS);
  writeFileSync(join(folder, 'key.pem'), key);
  writeFileSync(join(folder, 'cert.pem'), cert);
  writeFileSync(join(folder, 'both.pem'), cert + key);
  return caPem;
}
