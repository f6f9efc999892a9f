import type { Logger } from 'pino';
import { describeError } from '../common/errors.ts';
import { type Authority, parseAuthority } from '../common/net/host.ts';
import type { ProbeServer } from '../common/probe-server.ts';
import type { PolicyClient } from '../policy-client/index.ts';
import { startAdminServer } from './admin/admin-server.ts';
import { AuthorityFile } from './authority-file.ts';
import type { ProxyConfig } from './config.ts';
import { createFoundation, type Foundation } from './foundation.ts';
import { handOver } from './http/hand-over.ts';
import { cutRevoked } from './http/revocation.ts';
import { createIssuedAuthority } from './intercept/certificate-authority.ts';
import { type AddressResolver, createResolver } from './io/upstream/address-resolver.ts';
import type { AgentServices } from './io/agent/agent-sessions.ts';
import { startListeners } from './io/agent/listeners.ts';
import { SelfTest } from './io/agent/self-test.ts';
import { startSweeper } from './io/sweeper.ts';

/** A running proxy. */
export interface Proxy {
  readonly address: Authority;
  /** Of the local listeners, in the order of the configuration; undefined for a unix socket. */
  readonly localAddresses: readonly (Authority | undefined)[];
  /** `host:port` or socket path; undefined without an admin listener. */
  readonly adminAddress: string | undefined;
  /** What agents trust, one root or two while one follows the other; undefined until an issued authority has arrived. */
  readonly caPem: string | undefined;
  /** The first policy snapshot has arrived. Rejects when the proxy is closed before. */
  readonly ready: Promise<void>;
  readonly client: PolicyClient;
  /** Stops taking calls, lets running ones end until the deadline, delivers records, and closes. */
  close(deadlineMs: number): Promise<void>;
}

/** So long records have to be delivered, however short the time is for all else: those of calls that were cut came just now. */
const RECORDS_MS = 1_000;

/** Starts a proxy over this policy client: it listens at once and answers `not-ready` until the first policy snapshot. */
export async function composeProxy(
  config: Readonly<ProxyConfig>,
  client: PolicyClient,
  log: Logger,
  resolver: AddressResolver = createResolver(),
): Promise<Proxy> {
  const foundation = createFoundation(config, client, resolver, log);
  const { services, pool, metrics, authority, trust } = foundation;
  const { live, sessions, state } = services;
  const selfTest = config.selfTest === true ? new SelfTest(process.getuid?.() ?? -1, log) : undefined;
  const listeners = await startListeners(services, config, selfTest?.watch).catch((error: unknown) => {
    trust.stop();
    throw error;
  });
  const { explicit, transparent, local } = listeners;
  resolver.refuse([explicit, ...transparent, ...local.filter((at) => at !== undefined)]);
  resolver.refuse(controlPlaneAddress(config.controlPlane.address));
  const rootPem = () => authority.current?.rootPem;
  const file = config.caFile === undefined ? undefined : new AuthorityFile(config.caFile, rootPem, log);
  followClient(foundation, config.controlPlane.tenant, file, log);
  const stopLooking = config.onOtherUser?.(() => {
    log.info({}, 'the evidence is of another user: attesting again');
    client.attestAgain();
    for (const exchange of live) exchange.cut('session-expired');
  });
  const sweeper = startSweeper(services, sessions, live, pool);
  let admin: ProbeServer | undefined;
  const close = async (deadlineMs: number): Promise<void> => {
    const endsAt = performance.now() + deadlineMs;
    state.draining = true;
    await listeners.drain(deadlineMs, () => {
      for (const exchange of live) exchange.cut('draining');
    });
    sweeper.stop();
    stopLooking?.();
    trust.stop();
    file?.stop();
    await client.close(Math.max(RECORDS_MS, endsAt - performance.now()));
    pool.destroy();
    await admin?.close();
  };
  try {
    file?.write();
    if (config.admin !== undefined) {
      admin = await startAdminServer(config.admin, metrics, () => whyNotReady(services, selfTest));
      if ('host' in config.admin) resolver.refuse([parseAuthority(admin.address, 80)]);
    }
    selfTest?.start();
    await client.start();
  } catch (error) {
    await close(0);
    throw error;
  }
  log.info({ ...explicit, transparent, local: local.length }, 'proxy listening');
  client.ready.catch(() => {});
  return {
    address: explicit,
    localAddresses: local,
    adminAddress: admin?.address,
    get caPem() {
      return rootPem();
    },
    ready: client.ready,
    client,
    close: async (deadlineMs) => {
      await close(deadlineMs);
      log.info({}, 'proxy stopped');
    },
  };
}

/** Takes over what the control plane says, for calls to come and for those that run. */
function followClient(
  { services, pool, authority }: Foundation,
  tenant: string,
  file: AuthorityFile | undefined,
  log: Logger,
): void {
  const { client, routes, live, state } = services;
  client.onAuthority((issued) => {
    try {
      authority.current = createIssuedAuthority(client.proxyKey, issued.chain, issued.permittedHosts);
    } catch (error) {
      log.error({ error: describeError(error) }, 'issued certificate authority refused');
    }
    file?.follow();
  });
  client.onChange(() => {
    routes.replace(client.routes());
    state.ready = true;
    pool.closeIdle();
    handOver(live, client.session());
  });
  client.onRevocation((revocation) => cutRevoked(live, revocation, tenant, client.session()));
}

function controlPlaneAddress(address: string): Authority[] {
  try {
    return [parseAuthority(address, 443)];
  } catch {
    return [];
  }
}

/** Undefined when it is ready. */
function whyNotReady({ state, client, authority }: AgentServices, selfTest: SelfTest | undefined): string | undefined {
  if (state.draining) return 'draining';
  if (!state.ready) {
    const { lastFailure } = client.stats();
    return `waiting for the first policy snapshot${lastFailure === undefined ? '' : `: ${lastFailure}`}`;
  }
  if (authority() === undefined) return 'waiting for a certificate authority';
  const unproven = selfTest?.unproven();
  return unproven === undefined ? undefined : `self-test: ${unproven}`;
}
