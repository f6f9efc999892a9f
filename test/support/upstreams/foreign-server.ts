import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HOSTS, type ProxyWorld, routeTo, startProxyWorld } from '../worlds/proxy-world.ts';
import { makeTlsIdentity } from '../tls-identity.ts';

/** A TLS server that another program runs, and a proxy in front of it. */
export interface ForeignServer {
  readonly world: ProxyWorld;
  readonly port: number;
  /** The proxy's authority, for the agent. */
  readonly caFile: string;
  close(): Promise<void>;
}

/** @param command - Given a folder with `cert.pem` and `key.pem`; writes its port, on a line, once it listens on localhost. */
export async function startForeignServer(command: (folder: string) => [string, ...string[]]): Promise<ForeignServer> {
  const folder = await mkdtemp(join(tmpdir(), 'sidekey-server-'));
  const { key, cert, caPem } = makeTlsIdentity(HOSTS);
  await writeFile(join(folder, 'key.pem'), key);
  await writeFile(join(folder, 'cert.pem'), cert);
  const [program, ...args] = command(folder);
  const server = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(server.stdout, 'data')) as [Buffer];
  const port = Number(line.toString());
  const world = await startProxyWorld({
    routes: () => [routeTo({ port, caPem })],
  });
  const caFile = join(folder, 'ca.pem');
  await writeFile(caFile, world.proxy.caPem ?? '');
  return {
    world,
    port,
    caFile,
    close: async () => {
      server.kill();
      await world.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
