import { REASONS, type Reason } from '../../../proto/reasons.ts';
import { REPLY, type Reply } from '../../protocols/socks5/server-messages.ts';
import type { Refusal } from '../../refusal.ts';

/** Reasons that RFC 1928 section 6 has a word of its own for. */
const REPLIES: Partial<Record<Reason, Reply>> = {
  'bad-request': REPLY.addressUnknown,
  'dns-failed': REPLY.hostUnreachable,
  'connect-failed': REPLY.refused,
  'connect-timeout': REPLY.hostUnreachable,
  'upstream-proxy-refused': REPLY.notAllowed,
};

/** What failed is not told as what is forbidden: the next try may do better, and no rule has to be changed for it. */
export function replyTo(refusal: Refusal): Reply {
  const hasFailed = REASONS[refusal.reason].httpStatus >= 500 && !refusal.denies;
  return REPLIES[refusal.reason] ?? (hasFailed ? REPLY.failed : REPLY.notAllowed);
}
