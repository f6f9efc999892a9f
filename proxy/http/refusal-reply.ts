import { STATUS_CODES } from 'node:http';
import { ContentCodingError } from '../credentials/decode-content.ts';
import { InjectionError } from '../credentials/inject.ts';
import { HeaderList } from '../protocols/header-list.ts';
import { writeResponseHead } from '../protocols/http1/message-writer.ts';
import type { Call } from './call.ts';
import { problemResponse } from './problem.ts';
import { Refusal } from './refusal.ts';

/** Any thrown value as the refusal that the agent is told; what was not foreseen is `internal-error`. */
export function toRefusal(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  if (error instanceof InjectionError || error instanceof ContentCodingError) {
    return new Refusal(error.reason, error.message, { cause: error });
  }
  return new Refusal('internal-error', 'the proxy failed to handle the call', { cause: error });
}

/** The whole answer to a refused call, head first; notes its status on the call. */
export function refusalReply(
  refusal: Refusal,
  call: Call,
  { keepAlive, withBody }: { readonly keepAlive: boolean; readonly withBody: boolean },
): Buffer {
  const { reason, message, accessPolicy } = refusal;
  const { status, headers, body } = problemResponse({ reason, message, decisionId: call.id, accessPolicy });
  call.status = status;
  call.accessPolicy = accessPolicy;
  const list = HeaderList.from(headers);
  if (!keepAlive) list.set('Connection', 'close');
  const head = writeResponseHead(status, STATUS_CODES[status] ?? '', list);
  return withBody ? Buffer.concat([head, body]) : head;
}
