import type { Evidence } from '../proto/gen/sidekey/v1/proxy.ts';
import type { Secret } from '../common/secret.ts';
import type { Authority } from '../common/net/host.ts';
import type { ProxyLimits } from './limits.ts';
import type { ProbeAddress } from '../common/probe-server.ts';

/** A listener bound to one upstream host: cleartext HTTP from the agent, TLS to the upstream. */
export interface LocalListener {
  readonly at: Authority | { readonly socketPath: string };
  /** Canonical. */
  readonly upstream: Authority;
}

/** What a proxy needs to start. `startProxy` freezes it. */
export interface ProxyConfig {
  readonly controlPlane: { readonly address: string; readonly caPem: string; readonly tenant: string };
  /** Called at every attestation with the proxy's public key (SubjectPublicKeyInfo, DER), to which local evidence is bound. */
  readonly evidence: (proxyKeySpki: Buffer) => Promise<Evidence[]>;
  /** Calls the listener when the evidence is of another user than before, or of none; gives what stops that. */
  readonly onOtherUser?: ((listener: () => void) => () => void) | undefined;
  /** Port 0 picks a free one. */
  readonly listen: Authority;
  /** Where redirected connections arrive, one entry an address family. */
  readonly transparent?: readonly Authority[];
  readonly local?: readonly LocalListener[];
  /** Ports of protocols whose server speaks first: there is nothing to wait for, so connections by address are refused. */
  readonly refusedPorts?: readonly number[];
  /** Listeners may be reachable from other machines; without it only loopback addresses are taken. */
  readonly allowRemote?: boolean;
  /** Users (uid) whose processes may connect, to any listener; without it whoever reaches one. */
  readonly allowedUids?: readonly number[];
  /** Not ready before a connection of another user was seen to be redirected, and none of the proxy's own. */
  readonly selfTest?: boolean;
  /** Who signs the certificates that the agent sees. */
  readonly authority: 'local' | 'issued';
  /** What happens to hosts without a route. */
  readonly unrouted: 'deny' | 'tunnel' | 'observe';
  /** Certificate authorities to trust upstream beside the system's, PEM. */
  readonly upstreamCaPem?: string;
  /** Files that `controlPlane.caPem` and `upstreamCaPem` were read from: they are followed. */
  readonly trustFiles?: { readonly controlPlane?: string; readonly upstream?: string };
  /** A proxy before the upstreams, `scheme://[user:password@]host[:port]`, and what goes direct (NO_PROXY rules). */
  readonly upstreamProxy?: { readonly url: Secret; readonly noProxy?: string };
  /** When set, agents must send it as Proxy-Authorization (Basic password or Bearer). */
  readonly proxyToken?: Secret;
  readonly admin?: ProbeAddress;
  readonly spoolDir?: string;
  /** Where the agent finds the certificate authority (PEM); keys are never written. */
  readonly caFile?: string;
  readonly limits?: Partial<ProxyLimits>;
  readonly logLevel?: 'debug' | 'info' | 'warn' | 'error' | 'silent';
}
