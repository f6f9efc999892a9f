import type { Reason } from '../../../proto/reasons.ts';
import { SidekeyError } from '../../../common/errors.ts';

/**
 * A message that breaks the grammar or a limit. After it the reader is dead and the connection has to close.
 * Its text never holds bytes of the message.
 */
export class MessageError extends SidekeyError {
  declare readonly code: Reason;

  constructor(code: Reason, message: string) {
    super(code, message);
  }
}

/** Who sent the message; it decides how a fault is named. */
export type MessageKind = 'request' | 'response';

/** The error for a message outside the grammar. */
export function malformed(kind: MessageKind, message: string): MessageError {
  return new MessageError(kind === 'request' ? 'bad-request' : 'upstream-malformed', message);
}

/** The error for a header or trailer section over a limit. */
export function tooLarge(kind: MessageKind, message: string): MessageError {
  return new MessageError(kind === 'request' ? 'head-too-large' : 'upstream-malformed', message);
}

/** The error for a sender that went away in the middle of a message. */
export function truncated(kind: MessageKind, message: string): MessageError {
  return new MessageError(kind === 'request' ? 'agent-closed' : 'upstream-closed', message);
}
