import { createPublicKey } from 'node:crypto';
import { createPolicyClient } from '../policy-client/client.ts';
import type { PolicyClient } from '../policy-client/index.ts';
import { createLogger } from './admin/log.ts';
import type { ProxyConfig } from './config.ts';
import { connectionsWithin, maxOpenFiles } from './io/open-files.ts';
import { DEFAULT_LIMITS } from './limits.ts';
import { composeProxy, type Proxy } from './proxy.ts';

export type { ProxyConfig } from './config.ts';
export type { Proxy } from './proxy.ts';

/** Starts a proxy with its own link to the control plane. Answers `not-ready` until the first policy snapshot. */
export async function startProxy(config: Readonly<ProxyConfig>): Promise<Proxy> {
  const log = createLogger(config.logLevel ?? 'info');
  const { maxSpoolBytes, maxConnections } = { ...DEFAULT_LIMITS, ...config.limits };
  const openFiles = maxOpenFiles() ?? Number.POSITIVE_INFINITY;
  const possible = Math.min(maxConnections, connectionsWithin(openFiles));
  // What cannot be accepted for want of files, Node closes without telling anybody.
  if (possible < maxConnections) {
    const message = 'too few files may be open (ulimit -n) for maxConnections, which is lowered';
    log.warn({ openFiles, maxConnections, loweredTo: possible }, message);
  }
  const client: PolicyClient = createPolicyClient({
    ...config.controlPlane,
    evidence: () => config.evidence(createPublicKey(client.proxyKey).export({ type: 'spki', format: 'der' })),
    wantCertificateAuthority: config.authority === 'issued',
    log,
    ...(config.spoolDir === undefined ? {} : { spoolDir: config.spoolDir }),
    limits: { maxSpoolBytes },
  });
  return composeProxy({ ...config, limits: { ...config.limits, maxConnections: possible } }, client, log);
}
