import type { RequestHead } from '../../protocols/heads.ts';
import { grpcMessage, grpcStatus } from './grpc-status.ts';
import { type ProblemInput, problemOf, type ProblemResponse, refusalWith } from './problem.ts';

/** What Connect calls the statuses of gRPC that a refusal may have. */
const CODES: Readonly<Record<number, string>> = {
  3: 'invalid_argument',
  4: 'deadline_exceeded',
  7: 'permission_denied',
  8: 'resource_exhausted',
  13: 'internal',
  14: 'unavailable',
  16: 'unauthenticated',
};

/** Of a call that has no side effects, by GET. */
const GET = /[?&]connect=v1(?:&|$)/;

/**
 * The answer to a refused call of Connect, whose clients show of any other nothing but the status: an error in JSON, or for a stream
 * the message that ends it (Connect protocol, "Error End-Stream"). Undefined for other requests.
 */
export function connectRefusal(
  input: ProblemInput,
  { headers, target }: Pick<RequestHead, 'headers' | 'target'>,
): ProblemResponse | undefined {
  const type = headers.get('content-type') ?? '';
  const streams = /^application\/connect\+/i.test(type);
  if (!streams && !headers.has('connect-protocol-version') && !GET.test(target)) return undefined;
  const { reason, decisionId = '' } = input;
  const { status, detail } = problemOf(input);
  const error = { code: CODES[grpcStatus(reason)], message: grpcMessage(reason, detail, decisionId) };
  if (!streams) return refusalWith(reason, status, 'application/json', JSON.stringify(error));
  const text = Buffer.from(JSON.stringify({ error }));
  const prefix = Buffer.alloc(5, 2);
  prefix.writeUInt32BE(text.length, 1);
  return refusalWith(reason, 200, type, Buffer.concat([prefix, text]));
}
