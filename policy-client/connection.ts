import { isIP } from 'node:net';
import { checkServerIdentity, type PeerCertificate } from 'node:tls';
import type { ServiceError } from '@grpc/grpc-js';
import { isSidekeyError } from '../common/errors.ts';
import type { ProxyServiceClient } from '../proto/gen/sidekey/v1/proxy.ts';
import { MAX_MESSAGE_BYTES } from '../proto/limits.ts';
import { findReason, type Reason } from '../proto/reasons.ts';
import type * as wire from './wire.ts';

// TLS has no server name for an address (RFC 6066 section 3), and Node warns of one; the certificate is checked for the address.
const NAMELESS = 'address.invalid';
/** `connectivityState.READY`, which is behind a lazy import. */
const READY = 2;

/** Status codes that say something of a session, its records or the connection (gRPC, statuscodes.md). */
export const STATUS = { permissionDenied: 7, failedPrecondition: 9, unavailable: 14, unauthenticated: 16 } as const;

type Wire = typeof wire;

export interface ConnectionOptions {
  readonly address: string;
  readonly caPem?: string | undefined;
  readonly serverName?: string | undefined;
}

/**
 * The TLS connection that all calls share. Use it once `load` is done. `reset` leaves it for a new one, which a hung connection
 * needs.
 */
export class Connection {
  #options: ConnectionOptions;
  #wire: Wire | undefined;
  #client: ProxyServiceClient | undefined;

  constructor(options: ConnectionOptions) {
    this.#options = options;
  }

  async load(): Promise<void> {
    this.#wire ??= await import('./wire.ts');
  }

  get wire(): Wire {
    if (this.#wire === undefined) throw new Error('the connection is used before it is loaded');
    return this.#wire;
  }

  get client(): ProxyServiceClient {
    this.#client ??= openClient(this.wire, this.#options);
    return this.#client;
  }

  /** From the next connection on: one that stands is used until it ends. */
  trust(caPem: string): void {
    this.#options = { ...this.#options, caPem };
    const before = this.#client;
    // gRPC would go on connecting with the authorities that it was given.
    before?.getChannel().watchConnectivityState(READY, Number.POSITIVE_INFINITY, () => {
      if (this.#client === before) this.reset();
    });
  }

  reset(): void {
    const before = this.#client;
    this.#client = undefined;
    before?.close();
  }

  /**
   * A call failed. What stands is kept; what is still being connected may hang for minutes, as gRPC bounds no attempt: the way
   * may lead to a pod that is gone.
   */
  leaveUnlessUp(): void {
    if (this.#client?.getChannel().getConnectivityState(false) !== READY) this.reset();
  }
}

function openClient(
  { credentials, ProxyServiceClient }: Wire,
  { address, caPem, serverName }: ConnectionOptions,
): ProxyServiceClient {
  const roots = caPem === undefined ? null : Buffer.from(caPem);
  const host = address.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
  const name = serverName ?? (isIP(host) === 0 ? undefined : host);
  const verify =
    name === undefined
      ? {}
      : { checkServerIdentity: (_: string, cert: PeerCertificate) => checkServerIdentity(name, cert) };
  return new ProxyServiceClient(address, credentials.createSsl(roots, null, null, verify), {
    // The agent's proxy variables point at this very proxy.
    'grpc.enable_http_proxy': 0,
    'grpc.enable_retries': 0,
    'grpc.service_config_disable_resolution': 1,
    'grpc.use_local_subchannel_pool': 1,
    'grpc.initial_reconnect_backoff_ms': 100,
    'grpc.max_reconnect_backoff_ms': 5_000,
    'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
    ...(name === undefined ? {} : { 'grpc.ssl_target_name_override': isIP(name) === 0 ? name : NAMELESS }),
  });
}

/** Why a call failed: the control plane's own reason, or what the status means. An error of ours may have a reason for its code. */
export function failureReason(error: unknown): Reason {
  const own = isSidekeyError(error) ? findReason(error.code) : undefined;
  if (own !== undefined) return own;
  const { metadata } = error as Partial<ServiceError>;
  // Evidence is read by others' code, whose errors may have another thing of that name.
  const named = metadata?.get?.('sidekey-reason')?.[0];
  if (named !== undefined) {
    const reason = findReason(named.toString()) ?? 'internal-error';
    // Said by the control plane of itself; an agent would take it for this proxy's state.
    return reason === 'draining' || reason === 'not-ready' ? 'control-plane-unavailable' : reason;
  }
  switch ((error as Partial<ServiceError>).code) {
    case STATUS.unauthenticated:
    case STATUS.permissionDenied:
      return 'session-invalid';
    default:
      return 'control-plane-unavailable';
  }
}

/** True when the control plane refused the session itself, so that only a new attestation helps. */
export function refusesSession(error: unknown): boolean {
  const { code } = error as Partial<ServiceError>;
  return code === STATUS.unauthenticated || code === STATUS.permissionDenied;
}
