import { readClientHello } from './tls-client-hello.ts';

/** What a connection's first bytes say of the protocol that its client speaks. */
export type Opening =
  | {
      readonly kind: 'tls';
      readonly serverName: string | undefined;
      readonly ech: boolean;
    }
  | { readonly kind: 'http' }
  /** HTTP/2 with prior knowledge (RFC 9113 3.3), in cleartext. */
  | { readonly kind: 'http2' }
  | { readonly kind: 'unknown' };

const HTTP2_PREFACE = 'PRI * HTTP/2.0';
/** A method's name (RFC 9110 5.6.2) and the blank behind it; empty lines may come first (RFC 9112 2.2). */
const METHOD = /^(?:\r?\n){0,4}[!#$%&'*+.^_`|~0-9A-Za-z-]{1,32} /;
const METHOD_SO_FAR = /^(?:\r?\n){0,4}\r?(?:[!#$%&'*+.^_`|~0-9A-Za-z-]{0,32})$/;
const LONGEST_START = 64;

const HTTP: Opening = Object.freeze({ kind: 'http' });
const HTTP2: Opening = Object.freeze({ kind: 'http2' });
const UNKNOWN: Opening = Object.freeze({ kind: 'unknown' });

/** Reads the opening from a connection's first bytes; undefined while they could still become several things. Never throws. */
export function readOpening(bytes: Buffer): Opening | undefined {
  const hello = readClientHello(bytes);
  if (hello.kind === 'need-more') return undefined;
  if (hello.kind === 'hello') {
    return { kind: 'tls', serverName: hello.serverName, ech: hello.ech };
  }
  const speaksHttp2 = readPreface(bytes);
  if (speaksHttp2 !== false) return speaksHttp2 && HTTP2;
  const text = bytes.toString('latin1', 0, LONGEST_START);
  if (METHOD.test(text)) return HTTP;
  return METHOD_SO_FAR.test(text) ? undefined : UNKNOWN;
}

/** Whether these bytes begin HTTP/2 with prior knowledge; undefined while they may. */
export function readPreface(bytes: Buffer): boolean | undefined {
  const text = bytes.toString('latin1', 0, HTTP2_PREFACE.length);
  if (text.length < HTTP2_PREFACE.length) return HTTP2_PREFACE.startsWith(text) ? undefined : false;
  return text === HTTP2_PREFACE;
}
