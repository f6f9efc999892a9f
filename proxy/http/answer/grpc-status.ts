import { REASONS, type Reason } from '../../../proto/reasons.ts';
import { HeaderList } from '../../protocols/header-list.ts';
import type { Refusal } from '../../refusal.ts';
import { proxyStatus } from './problem.ts';

/** gRPC status codes, as grpc/doc/statuscodes.md numbers them. */
const GRPC = {
  invalidArgument: 3,
  deadlineExceeded: 4,
  permissionDenied: 7,
  resourceExhausted: 8,
  internal: 13,
  unavailable: 14,
  unauthenticated: 16,
} as const;

/** A refusal's HTTP status as a gRPC status. A denial is PERMISSION_DENIED; only what may pass is UNAVAILABLE, which clients retry. */
const BY_HTTP_STATUS: Readonly<Record<number, number>> = {
  400: GRPC.invalidArgument,
  407: GRPC.unauthenticated,
  408: GRPC.deadlineExceeded,
  413: GRPC.resourceExhausted,
  431: GRPC.resourceExhausted,
  500: GRPC.internal,
  502: GRPC.unavailable,
  503: GRPC.unavailable,
  504: GRPC.deadlineExceeded,
};

/** Whether a request speaks gRPC, whose clients read errors from `grpc-status` alone. */
export function isGrpc(headers: HeaderList): boolean {
  const type = headers.get('content-type');
  return type !== undefined && /^application\/grpc(?:[+;]|$)/i.test(type);
}

/**
 * The headers of a trailers-only answer (gRPC over HTTP/2, "Responses"), with the stable code in front of the message; undefined for
 * requests that speak neither gRPC nor gRPC-Web.
 */
export function grpcRefusal(refusal: Refusal, decisionId: string, request: HeaderList): HeaderList | undefined {
  const [type] = /^application\/grpc(?:-web(?:-text)?)?(?=[+;]|$)/i.exec(request.get('content-type') ?? '') ?? [];
  if (type === undefined) return undefined;
  return HeaderList.from([['content-type', type.toLowerCase()], ...grpcTrailers(refusal, decisionId)]);
}

/** The same as trailers of an answer that had begun: a stream that is merely reset is INTERNAL to its client, for no reason. */
export function grpcTrailers({ reason, message }: Refusal, decisionId: string): HeaderList {
  return HeaderList.from([
    ['grpc-status', String(grpcStatus(reason))],
    ['grpc-message', percentEncode(grpcMessage(reason, message, decisionId))],
    ['proxy-status', proxyStatus(reason)],
  ]);
}

export function grpcStatus(reason: Reason): number {
  return BY_HTTP_STATUS[REASONS[reason].httpStatus] ?? GRPC.permissionDenied;
}

export function grpcMessage(reason: Reason, message: string, decisionId: string): string {
  return `${reason}: ${message} (decision ${decisionId})`;
}

/** Status-Message is percent-encoded: everything outside visible ASCII and "%" itself. */
function percentEncode(text: string): string {
  let encoded = '';
  for (const byte of Buffer.from(text)) {
    const plain = byte >= 0x20 && byte <= 0x7e && byte !== 0x25;
    encoded += plain ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return encoded;
}
