import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Agent, request } from 'undici';
import { startControlPlane } from '../control-plane/main.ts';

/** A control plane in this process (its CPU is not counted) with these resources applied over its REST API. */
export async function startControlPlaneForBench(
  folder: string,
  resources: readonly unknown[],
): Promise<{ connection: { address: string; caPem: string; tenant: string }; close(): Promise<void> }> {
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
  return {
    connection: { address: controlPlane.grpcAddress, caPem: controlPlane.caPem, tenant: 'default' },
    close: () => controlPlane.close(),
  };
}
