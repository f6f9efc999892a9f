import { createPublicKey } from 'node:crypto';
import { createPolicyClient } from '../policy-client/client.ts';
import type { PolicyClient } from '../policy-client/index.ts';
import { createLogger } from './admin/log.ts';
import type { ProxyConfig } from './config.ts';
import { hardenProcess } from '../common/hardening.ts';
import { maxOpenFiles } from './io/open-files.ts';
import { DEFAULT_LIMITS } from './limits.ts';
import { composeProxy, type Proxy } from './proxy.ts';

export type { ProxyConfig } from './config.ts';
export type { Proxy } from './proxy.ts';

/** Starts a proxy with its own link to the control plane. Answers `not-ready` until the first policy snapshot. */
export async function startProxy(config: Readonly<ProxyConfig>): Promise<Proxy> {
  const log = createLogger(config.logLevel ?? 'info');
  if (config.harden === true) log.info(await hardenProcess(), 'process hardened');
  const { maxSpoolBytes, maxConnections = DEFAULT_LIMITS.maxConnections } = config.limits ?? {};
  const openFiles = maxOpenFiles() ?? Number.POSITIVE_INFINITY;
  // An agent's connection mostly has one to an upstream.
  if (openFiles < 2 * maxConnections) {
    log.warn(
      { openFiles, maxConnections },
      'too few files may be open for maxConnections: beyond them connections just end',
    );
  }
  const client: PolicyClient = createPolicyClient({
    ...config.controlPlane,
    evidence: () => config.evidence(createPublicKey(client.proxyKey).export({ type: 'spki', format: 'der' })),
    wantCertificateAuthority: config.authority === 'issued',
    log,
    ...(config.spoolDir === undefined ? {} : { spoolDir: config.spoolDir }),
    ...(maxSpoolBytes === undefined ? {} : { limits: { maxSpoolBytes } }),
  });
  return composeProxy(config, client, log);
}
