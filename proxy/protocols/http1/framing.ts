import type { HeaderList } from '../header-list.ts';
import { CHUNKED, type Framing } from '../heads.ts';
import { malformed, type MessageKind } from './message-error.ts';

/** What the fields that concern the message itself say; `host` and `expect` are for requests. */
export interface MessageFields {
  framing: Framing | undefined;
  host: string | undefined;
  close: boolean;
  keepAlive: boolean;
  expect: string | undefined;
}

/** 15 digits stay below 2^53; no message is longer. */
const CONTENT_LENGTH = /^[0-9]{1,15}$/;

/**
 * Collects the fields that frame a message, refusing each that two readers could understand in two ways:
 * RFC 9112 6.1 (Transfer-Encoding), 6.2 (Content-Length), 6.3 (both), 3.2 (Host).
 */
export function readMessageFields(headers: HeaderList, version: '1.0' | '1.1', kind: MessageKind): MessageFields {
  const { raw } = headers;
  const found: MessageFields = {
    framing: undefined,
    host: undefined,
    close: false,
    keepAlive: false,
    expect: undefined,
  };
  for (let at = 0; at < raw.length; at += 2) {
    const value = raw[at + 1] ?? '';
    switch (raw[at]) {
      case 'host':
        if (kind === 'response') break;
        if (found.host !== undefined) throw malformed(kind, 'more than one Host field (RFC 9112 3.2)');
        found.host = value;
        break;
      case 'content-length':
        if (found.framing !== undefined) throw ambiguous(kind);
        if (!CONTENT_LENGTH.test(value)) throw malformed(kind, 'Content-Length is not one number (RFC 9112 6.3)');
        found.framing = { kind: 'length', length: Number(value) };
        break;
      case 'transfer-encoding':
        if (found.framing !== undefined) throw ambiguous(kind);
        if (version === '1.0') throw malformed(kind, 'Transfer-Encoding in HTTP/1.0 (RFC 9112 6.1)');
        if (value.toLowerCase() !== 'chunked')
          throw malformed(kind, 'a transfer coding other than chunked (RFC 9112 6.1)');
        found.framing = CHUNKED;
        break;
      case 'connection':
        readConnection(value, found);
        break;
      case 'expect':
        if (found.expect !== undefined) throw malformed(kind, 'more than one Expect field (RFC 9110 10.1.1)');
        found.expect = value;
        break;
      default:
    }
  }
  return found;
}

function ambiguous(kind: MessageKind): Error {
  return malformed(kind, 'more than one Content-Length or Transfer-Encoding (RFC 9112 6.3)');
}

/** The options that this codec acts on (RFC 9110 7.6.1); the pipeline drops the fields that others name. */
function readConnection(value: string, found: MessageFields): void {
  if (value === 'keep-alive') found.keepAlive = true;
  else if (value === 'close') found.close = true;
  else {
    for (const option of value.toLowerCase().split(',')) {
      const name = option.replaceAll(/[ \t]/g, '');
      if (name === 'close') found.close = true;
      else if (name === 'keep-alive') found.keepAlive = true;
    }
  }
}
