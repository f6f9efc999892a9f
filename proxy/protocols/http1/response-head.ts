import { CR, FIELD, LF, SP } from './characters.ts';
import { CHUNKED, NO_BODY, type ResponseFraming, type ResponseHead } from '../heads.ts';
import type { MessageFields } from './framing.ts';
import { malformed } from './message-error.ts';
import type { SectionReader } from './section-reader.ts';

const UNTIL_CLOSE: ResponseFraming = Object.freeze({ kind: 'until-close' });

/** Reads a whole head, without the empty line that ends it; `method` is that of the request it answers. */
export function parseResponseHead(text: string, method: string, sections: SectionReader): ResponseHead {
  const minor = text.charCodeAt(7);
  if (!text.startsWith('HTTP/1.') || (minor !== 0x31 && minor !== 0x30) || text.charCodeAt(8) !== SP) {
    throw malformed('response', 'a status line that does not begin with HTTP/1.1 or HTTP/1.0 (RFC 9112 4)');
  }
  const version = minor === 0x31 ? '1.1' : '1.0';
  const status = readStatus(text);
  // RFC 9112 4 asks for a space after the status even with no reason; servers without it are common and clear.
  let end = text.charCodeAt(12) === SP ? 13 : 12;
  const reasonStart = end;
  if (end === 13) while (FIELD[text.charCodeAt(end)] === 1) end += 1;
  if (text.charCodeAt(end) !== CR || text.charCodeAt(end + 1) !== LF) {
    throw malformed('response', 'a malformed status line (RFC 9112 4)');
  }
  const reason = text.slice(reasonStart, end);
  // What such an answer says of a body is ignored, whatever it is (RFC 9112 6.3).
  if (method === 'CONNECT' && status >= 200 && status < 300) {
    return { status, reason, version, headers: sections.fields(text, end + 2), framing: NO_BODY, keepAlive: false };
  }
  const { headers, fields } = sections.read(text, end + 2, version);
  const framing = frame(status, method, fields);
  const persists = version === '1.1' ? !fields.close : fields.keepAlive && !fields.close;
  const keepAlive = persists && framing.kind !== 'until-close';
  return { status, reason, version, headers, framing, keepAlive };
}

function readStatus(text: string): number {
  let status = 0;
  for (let at = 9; at < 12; at += 1) {
    const digit = text.charCodeAt(at) - 0x30;
    if (!(digit >= 0 && digit <= 9)) throw malformed('response', 'a status that is not three digits (RFC 9112 4)');
    status = 10 * status + digit;
  }
  if (status < 100 || status > 599) throw malformed('response', 'a status outside 100 to 599 (RFC 9110 15)');
  return status;
}

/** The length of the body (RFC 9112 6.3). */
function frame(status: number, method: string, fields: Readonly<MessageFields>): ResponseFraming {
  const { framing } = fields;
  if (status < 200 || status === 204) {
    if (framing === CHUNKED) throw malformed('response', 'Transfer-Encoding in a 1xx or 204 response (RFC 9112 6.1)');
    if (framing?.kind === 'length' && framing.length > 0) {
      throw malformed('response', 'Content-Length in a 1xx or 204 response (RFC 9110 8.6)');
    }
    return NO_BODY;
  }
  if (method === 'HEAD' || status === 304) return NO_BODY;
  return framing ?? UNTIL_CLOSE;
}
