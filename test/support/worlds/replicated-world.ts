import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ControlPlane, startControlPlane } from '../../../control-plane/main.ts';
import { startPostgres } from '../control-plane/postgres.ts';
import { World, type WorldOptions } from './world.ts';

/** A world on a PostgreSQL of its own, with a second control plane on the same database. */
export interface ReplicatedWorld {
  readonly world: World;
  readonly other: ControlPlane;
  readonly databaseUrl: string;
  /** For files of the test's own. */
  readonly folder: string;
  close(): Promise<void>;
}

export async function startReplicatedWorld(options: WorldOptions = {}): Promise<ReplicatedWorld> {
  const postgres = await startPostgres();
  const folder = await mkdtemp(join(tmpdir(), 'sidekey-replicas-'));
  const databaseUrl = await postgres.createDatabase();
  const shared = { databaseUrl, sealingKeyFile: join(folder, 'sealing-key') };
  await writeFile(shared.sealingKeyFile, `${randomBytes(32).toString('base64')}\n`, { mode: 0o600 });
  const world = await World.start({ ...options, controlPlane: shared });
  const loopback = { host: '127.0.0.1', port: 0 };
  const dataDir = join(folder, 'other');
  const other = await startControlPlane({ ...shared, dataDir, grpcListen: loopback, restListen: loopback });
  return {
    world,
    other,
    databaseUrl,
    folder,
    close: async () => {
      await other.close();
      await world.close();
      await postgres.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
