import { Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { describeError, SidekeyError } from '../../../common/errors.ts';
import type { Reason } from '../../../proto/reasons.ts';
import { AttestationError } from '../../attestation/trust-provider.ts';
import { ChainError } from '../../audit/chain.ts';
import { ResourceError } from '../../resources/resource-error.ts';
import { StoreUnavailable } from '../../store/sql-store.ts';

/** A proxy's call is refused for a reason of the contract. */
export class Refusal extends SidekeyError {
  readonly reason: Reason;

  constructor(reason: Reason, message: string) {
    super(reason, message);
    this.reason = reason;
  }
}

/** Reasons that say "this session is no good", not "you may not". */
const UNAUTHENTICATED: ReadonlySet<Reason> = new Set<Reason>([
  'session-expired',
  'session-invalid',
  'proof-replayed',
  'trust-withdrawn',
]);
const UNAVAILABLE: ReadonlySet<Reason> = new Set<Reason>(['evidence-keys-unavailable', 'draining', 'not-ready']);

/** The one table from errors to gRPC replies. Messages of unforeseen errors stay inside. */
export function toServiceError(error: unknown): ServiceError {
  const reason = reasonOf(error);
  if (error instanceof Refusal || error instanceof AttestationError) {
    return serviceError(statusOf(reason), error.message, reason);
  }
  if (error instanceof ChainError) return serviceError(status.FAILED_PRECONDITION, error.message, reason);
  if (error instanceof StoreUnavailable) return serviceError(status.UNAVAILABLE, error.message, reason);
  if (isOutdated(error)) return serviceError(status.UNAVAILABLE, OUTDATED, reason);
  return serviceError(status.INTERNAL, 'a bug in Sidekey', reason);
}

/** The reason of the contract that `toServiceError` tells. */
export function reasonOf(error: unknown): Reason {
  if (error instanceof Refusal || error instanceof AttestationError) return error.reason;
  if (error instanceof ChainError) return 'bad-request';
  return error instanceof StoreUnavailable || isOutdated(error) ? 'not-ready' : 'internal-error';
}

const OUTDATED = 'the tenant has resources of an older release: the log of the control plane names them';

/** After an upgrade, until somebody applies them again. */
function isOutdated(error: unknown): boolean {
  return error instanceof ResourceError && error.code === 'resource-outdated';
}

/** True for errors that nobody foresaw: they belong in the log. */
export function isUnforeseen(error: unknown): boolean {
  return !(error instanceof Refusal || error instanceof AttestationError || error instanceof ChainError);
}

function statusOf(reason: Reason): status {
  if (UNAUTHENTICATED.has(reason) || (reason.startsWith('evidence-') && !UNAVAILABLE.has(reason))) {
    return status.UNAUTHENTICATED;
  }
  if (UNAVAILABLE.has(reason)) return status.UNAVAILABLE;
  if (reason === 'overloaded') return status.RESOURCE_EXHAUSTED;
  return reason === 'bad-request' ? status.INVALID_ARGUMENT : status.PERMISSION_DENIED;
}

function serviceError(code: status, details: string, reason: Reason): ServiceError {
  const metadata = new Metadata();
  metadata.set('sidekey-reason', reason);
  // gRPC puts details into a header: one line of printable ASCII.
  const safe = describeError(details)
    .replaceAll(/[^\x20-\x7e]/g, '?')
    .slice(0, 500);
  return Object.assign(new Error(safe), { code, details: safe, metadata });
}

/**
 * Ends a streaming call with an error's status. grpc-js sends it when the stream ends, after what is already written;
 * `destroy` would drop both.
 */
export function refuse(call: { emit(event: 'error', error: ServiceError): boolean }, error: unknown): void {
  call.emit('error', toServiceError(error));
}
