import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { resolve } from 'node:path';
import { listenFailed } from '../common/errors.ts';
import { type Authority, formatAuthority } from '../common/net/host.ts';
import { type ControlPlaneConfig, storeFolderOf } from '../control-plane/config.ts';
import type { ControlPlane } from '../control-plane/main.ts';
import { printable } from './paint.ts';
import { writeContext, type SavedContext } from './saved-context.ts';
import { writeWhole } from './whole-file.ts';

/**
 * Starts a control plane and leaves where it is for other commands of this user.
 * @param listens what the same process listens on besides
 */
export async function startWithContext(
  config: ControlPlaneConfig,
  contextFile: string,
  listens: readonly Authority[] = [],
): Promise<{ controlPlane: ControlPlane; context: SavedContext }> {
  const storeFolder = storeFolderOf(config);
  if (storeFolder !== undefined && !existsSync(storeFolder)) {
    for (const listen of [config.grpcListen, config.restListen, ...listens]) await assertFree(listen);
    // An empty database is made in two to ten seconds, in which nothing else would be seen.
    console.error(printable(`making a store in ${config.dataDir}; later starts are quicker`));
  }
  const { startControlPlane } = await import('../control-plane/main.ts');
  // Whoever finds the context stands in another folder.
  const caFile = resolve(config.dataDir, 'server-ca.pem');
  const onTlsChange = (caPem: string): void => {
    writeWhole(caFile, caPem, 0o644);
    console.error('sidekey control-plane: the changed certificate is shown from the next connection on');
  };
  const controlPlane = await startControlPlane(config, { onTlsChange });
  writeWhole(caFile, controlPlane.caPem, 0o644);
  const context = {
    server: reachable(controlPlane.restUrl),
    grpc: reachable(controlPlane.grpcAddress),
    caFile,
    tokenFile: resolve(controlPlane.bootstrapTokenFile),
    tenant: 'default',
  };
  writeContext(contextFile, context);
  return { controlPlane, context };
}

/** Throws UsageError `listen-failed`, before anything is made that the next start would find. */
async function assertFree({ host, port }: Authority): Promise<void> {
  const server = createServer().listen(port, host);
  try {
    await once(server, 'listening');
  } catch (cause) {
    throw listenFailed(formatAuthority(host, port), cause);
  }
  await new Promise((resolve) => server.close(resolve));
}

/** "Every address" is where one listens, not where one connects: on this machine the loopback is meant. */
export function reachable(address: string): string {
  return address
    .replace(/^(https:\/\/)?0\.0\.0\.0(?=:|\/|$)/, '$1127.0.0.1')
    .replace(/^(https:\/\/)?\[::\](?=:|\/|$)/, '$1[::1]');
}
