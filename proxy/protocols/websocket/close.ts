import { isUtf8 } from 'node:buffer';

/** Status codes that are sent here (RFC 6455 section 7.4.1 and the IANA registry). */
export const CLOSE = {
  goingAway: 1001,
  protocolError: 1002,
  invalidPayload: 1007,
  policyViolation: 1008,
  tooBig: 1009,
  badGateway: 1014,
} as const;

const MAX_REASON_BYTES = 123;
/** Registered, but only for what was not received: never on the wire (RFC 6455 section 7.4.1). */
const NEVER_SENT = new Set([1004, 1005, 1006]);

/** What is wrong with a Close frame's payload, or undefined (RFC 6455 sections 5.5.1 and 7.4). */
export function closeFault(payload: Buffer): 'length' | 'code' | 'utf8' | undefined {
  if (payload.length === 0) return undefined;
  if (payload.length === 1) return 'length';
  const code = payload.readUInt16BE(0);
  const registered = code >= 1000 && code <= 1014 && !NEVER_SENT.has(code);
  if (!registered && !(code >= 3000 && code <= 4999)) return 'code';
  return isUtf8(payload.subarray(2)) ? undefined : 'utf8';
}

/** The payload of a Close frame; a reason that is too long is cut at a character. */
export function closePayload(code: number, reason: string): Buffer {
  let text = Buffer.from(reason, 'utf8');
  if (text.length > MAX_REASON_BYTES) {
    let end = MAX_REASON_BYTES;
    while (((text[end] ?? 0) & 0xc0) === 0x80) end -= 1;
    text = text.subarray(0, end);
  }
  const payload = Buffer.alloc(2 + text.length);
  payload.writeUInt16BE(code, 0);
  text.copy(payload, 2);
  return payload;
}
