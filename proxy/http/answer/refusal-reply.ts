import type { RequestHead } from '../../protocols/heads.ts';
import { STATUS_CODES } from 'node:http';
import { ContentCodingError } from '../../credentials/scrubbing/decode-content.ts';
import { InjectionError, type LocalReply } from '../../credentials/inject.ts';
import { HeaderList } from '../../protocols/header-list.ts';
import { Refusal } from '../../refusal.ts';
import type { Call } from '../call.ts';
import { faultOf } from '../../../common/fault.ts';
import { awsRefusal } from './aws-refusal.ts';
import { connectRefusal } from './connect-refusal.ts';
import { grpcRefusal } from './grpc-status.ts';
import { type ProblemInput, type ProblemResponse, problemResponse } from './problem.ts';
import { rpcRefusal } from './rpc-refusal.ts';
import type { AgentStream } from '../streams.ts';

/** Any thrown value as the refusal that the agent is told; what was not foreseen is `internal-error`. */
export function toRefusal(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  if (error instanceof InjectionError || error instanceof ContentCodingError) {
    return new Refusal(error.reason, error.message, { cause: error });
  }
  return new Refusal('internal-error', 'the proxy failed to handle the call', { cause: error });
}

/** The same, and what was not foreseen is noted on the call, for the log. */
export function refusalOf(error: unknown, call: Call): Refusal {
  const refusal = toRefusal(error);
  if (refusal.reason === 'internal-error') call.fault ??= faultOf(refusal.cause ?? refusal);
  return refusal;
}

type ReplyTo = Pick<AgentStream, 'sendHead' | 'sendBody' | 'sendEnd' | 'flush'>;

/** Answers a refused call, in the terms of what it speaks; notes the status on the call. */
export function refusalReply(
  refusal: Refusal,
  call: Call,
  head: Pick<RequestHead, 'method' | 'target' | 'headers'> | undefined,
  agent: ReplyTo,
): void {
  const { reason, message, accessPolicy } = refusal;
  call.accessPolicy = accessPolicy;
  const trailersOnly = head && grpcRefusal(refusal, call.id, head.headers);
  if (trailersOnly) {
    call.status = 200;
    agent.sendHead(200, phraseOf(200), trailersOnly, 'none');
    agent.flush();
    return;
  }
  const input = { reason, message, decisionId: call.id, accessPolicy };
  const { status, headers, body } = (head && refusalInItsTerms(input, head, call.message)) ?? problemResponse(input);
  call.status = status;
  // All that many clients show of an answer (Python's urllib and requests, wget), or of one to CONNECT (Go).
  const phrase = status === 200 ? phraseOf(200) : `${phraseOf(status)} (sidekey: ${reason})`;
  replyWhole(agent, head?.method, { status, headers, body }, phrase);
}

function refusalInItsTerms(
  input: ProblemInput,
  head: Pick<RequestHead, 'target' | 'headers'>,
  message: Buffer | undefined,
): ProblemResponse | undefined {
  return rpcRefusal(input, head.headers, message) ?? connectRefusal(input, head) ?? awsRefusal(input, head.headers);
}

/** Sends an answer of the proxy's own, in one write. `phrase` stands behind the status, before HTTP/2. */
export function replyWhole(
  agent: ReplyTo,
  method: string | undefined,
  { status, headers, body }: LocalReply,
  phrase: string = phraseOf(status),
): void {
  const withBody = body.length > 0 && method !== 'HEAD';
  agent.sendHead(status, phrase, HeaderList.from(headers), withBody ? 'declared' : 'none');
  if (withBody) {
    agent.sendBody(body);
    agent.sendEnd(undefined);
  }
  agent.flush();
}

function phraseOf(status: number): string {
  return STATUS_CODES[status] ?? '';
}
