import { CR, LF } from './characters.ts';
import { malformed, type MessageKind } from './message-error.ts';

/**
 * The place of the CRLF CRLF that ends a section within `bytes[start .. end)`, or -1. `from` is where the search
 * before this one stopped. A section that has not ended is searched for bare LF, so that a sender that ends lines
 * with LF alone (RFC 9112 2.2) is told so at once and does not wait for a timeout.
 */
export function findHeadEnd(bytes: Buffer, start: number, end: number, from: number, kind: MessageKind): number {
  // By every fourth byte, which for most heads is less work than to ask the native search.
  for (let last = from + 3; last < end; ) {
    const byte = bytes[last];
    if (byte === CR) last += 1;
    else if (byte !== LF) last += 4;
    else if (bytes[last - 1] === CR && bytes[last - 2] === LF && bytes[last - 3] === CR) return last - 3;
    else last += 2;
  }
  // A view keeps the search from running over room behind `end`, which would cost quadratic time byte by byte.
  const section = bytes.subarray(0, end);
  for (let at = section.indexOf(LF, from); at !== -1; at = section.indexOf(LF, at + 1)) {
    if (at === start || section[at - 1] !== CR) throw malformed(kind, 'a line that ends with a bare LF (RFC 9112 2.2)');
  }
  return -1;
}
