import { CR, LF, SP, TARGET, TOKEN } from './characters.ts';
import { type Framing, NO_BODY, type RequestHead } from '../heads.ts';
import type { Http1Limits } from './limits.ts';
import { malformed, MessageError, tooLarge } from './message-error.ts';
import { isAuthority, isTargetFor } from './request-target.ts';
import type { HeaderSection, SectionReader } from './section-reader.ts';

/** Reads a whole head: the request line and field lines, without the empty line that ends it. */
export function parseRequestHead(text: string, limits: Http1Limits, sections: SectionReader): RequestHead {
  const methodEnd = readMethod(text, limits);
  const targetEnd = readTarget(text, methodEnd + 1, limits);
  const version = readVersion(text, targetEnd + 1);
  const method = text.slice(0, methodEnd);
  const target = text.slice(methodEnd + 1, targetEnd);
  if (!isTargetFor(method, target)) {
    throw malformed('request', 'the request target does not have a form for this method (RFC 9112 3.2)');
  }
  return interpret(method, target, version, sections.read(text, targetEnd + 11, version));
}

function readMethod(text: string, limits: Http1Limits): number {
  let at = 0;
  while (TOKEN[text.charCodeAt(at)] === 1) at += 1;
  if (at === 0 || text.charCodeAt(at) !== SP) throw malformed('request', 'a malformed request line (RFC 9112 3)');
  if (at > limits.maxMethodBytes) throw malformed('request', `a method longer than ${limits.maxMethodBytes} bytes`);
  return at;
}

function readTarget(text: string, start: number, limits: Http1Limits): number {
  let at = start;
  while (TARGET[text.charCodeAt(at)] === 1) at += 1;
  if (at - start > limits.maxTargetBytes) throw targetTooLong(limits);
  if (at === start || text.charCodeAt(at) !== SP) {
    throw malformed('request', 'a character that a request target may not hold (RFC 9112 3.2)');
  }
  return at;
}

function readVersion(text: string, at: number): '1.0' | '1.1' {
  const wellFormed = text.startsWith('HTTP/1.', at) && text.charCodeAt(at + 8) === CR && text.charCodeAt(at + 9) === LF;
  const minor = text.charCodeAt(at + 7);
  if (wellFormed && minor === 0x31) return '1.1';
  if (wellFormed && minor === 0x30) return '1.0';
  throw malformed('request', 'the request line does not end with HTTP/1.1 or HTTP/1.0 (RFC 9112 2.3)');
}

/** The error for a request line that is too long, whole or not. */
function targetTooLong(limits: Http1Limits): MessageError {
  return new MessageError('uri-too-long', `a request target longer than ${limits.maxTargetBytes} bytes`);
}

/** The error for a head that is over its limit before it ended. */
export function headTooLarge(text: string, limits: Http1Limits): MessageError {
  const lineEnd = text.indexOf('\r\n');
  if (lineEnd === -1 || lineEnd > limits.maxTargetBytes + limits.maxMethodBytes + 12) return targetTooLong(limits);
  return tooLarge('request', `a request head longer than ${limits.maxHeadBytes} bytes`);
}

function interpret(method: string, target: string, version: '1.0' | '1.1', section: HeaderSection): RequestHead {
  const { headers, fields } = section;
  if (fields.host === undefined) {
    if (version === '1.1') throw malformed('request', 'no Host field (RFC 9112 3.2)');
  } else if (!isAuthority(fields.host)) {
    throw malformed('request', 'a malformed Host field (RFC 9110 7.2)');
  }
  const framing = fields.framing ?? NO_BODY;
  if ((method === 'CONNECT' || method === 'TRACE') && !isEmpty(framing)) {
    throw malformed('request', 'content in a CONNECT or TRACE request (RFC 9110 9.3.6, 9.3.8)');
  }
  const expects = fields.expect !== undefined && version === '1.1';
  if (expects && fields.expect?.toLowerCase() !== '100-continue') {
    throw new MessageError('expectation-failed', 'an expectation other than 100-continue (RFC 9110 10.1.1)');
  }
  return {
    method,
    target,
    version,
    headers,
    framing,
    keepAlive: version === '1.1' && !fields.close,
    expectContinue: expects && !isEmpty(framing),
  };
}

function isEmpty(framing: Framing): boolean {
  return framing.kind === 'none' || (framing.kind === 'length' && framing.length === 0);
}
