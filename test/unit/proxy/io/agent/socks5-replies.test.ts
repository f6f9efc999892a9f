import { expect, test } from 'vitest';
import type { Reason } from '../../../../../proto/reasons.ts';
import { replyTo } from '../../../../../proxy/io/agent/socks5-replies.ts';
import { Refusal } from '../../../../../proxy/refusal.ts';

/** RFC 1928 section 6. */
const REPLIES: readonly [number, readonly Reason[]][] = [
  [1, ['overloaded', 'draining', 'not-ready', 'control-plane-unavailable', 'upstream-proxy-failed', 'internal-error']],
  [2, ['no-route', 'port-refused', 'address-refused', 'loop-refused', 'session-revoked', 'upstream-proxy-refused']],
  [4, ['dns-failed', 'connect-timeout']],
  [5, ['connect-failed']],
  [8, ['bad-request']],
];

test.each(REPLIES.flatMap(([reply, reasons]) => reasons.map((reason) => [reason, reply] as const)))(
  '%s is told as %i',
  (reason, reply) => {
    expect(replyTo(new Refusal(reason, 'no'))).toBe(reply);
  },
);
