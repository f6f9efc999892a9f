import { readFileSync } from 'node:fs';
import os from 'node:os';
import { join } from 'node:path';
import { Agent, request } from 'undici';
import { startControlPlane } from '../control-plane/main.ts';
import { serveParent } from './child.ts';

interface Config {
  readonly folder: string;
  readonly resources: readonly unknown[];
}

/** In earnest it runs on another machine: at equal rights it would take the caches and turns of the one that is measured. */
const LOWEST_PRIORITY = 19;

let connection: { address: string; caPem: string; tenant: string };

serveParent<Config>(
  async ({ folder, resources }) => {
    os.setPriority(LOWEST_PRIORITY);
    connection = await startWithResources(folder, resources);
    return {};
  },
  async () => connection,
);

/** A real control plane with these resources applied over its REST API. Its CPU is not counted. */
async function startWithResources(folder: string, resources: readonly unknown[]): Promise<typeof connection> {
  const controlPlane = await startControlPlane({
    dataDir: join(folder, 'control-plane'),
    inMemory: true,
    grpcListen: { host: '127.0.0.1', port: 0 },
    restListen: { host: '127.0.0.1', port: 0 },
  });
  const token = readFileSync(controlPlane.bootstrapTokenFile, 'utf8').trim();
  const dispatcher = new Agent({ connect: { ca: controlPlane.caPem } });
  const answer = await request(`${controlPlane.restUrl}/v1/apply`, {
    method: 'POST',
    dispatcher,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ resources, dryRun: false, prune: false }),
  });
  const text = await answer.body.text();
  if (answer.statusCode !== 200) throw new Error(`apply failed with ${answer.statusCode}: ${text}`);
  await dispatcher.close();
  return { address: controlPlane.grpcAddress, caPem: controlPlane.caPem, tenant: 'default' };
}
