/** What a credential may hold at each of its places; the control plane checks it when minting, the proxy when injecting. */

/** RFC 6750 section 2.1 says b64token; tokens in use hold other visible characters too, and none of those can break the field. */
export const VISIBLE_TEXT = /^[\x21-\x7e]+$/;
/** RFC 9110 section 5.5, without obs-text and without white space at the ends. */
export const FIELD_TEXT = /^[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?$/;
/** RFC 6265 section 4.1.1, `cookie-octet`. */
export const COOKIE_TEXT = /^[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]+$/;
/** RFC 9110 section 5.6.2. */
export const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** Fields that frame, route, belong to one hop, are set anew on the way, or hold more than one value of their own. */
const NOT_FOR_CREDENTIALS = new Set([
  'host',
  'content-length',
  'transfer-encoding',
  'connection',
  'keep-alive',
  'proxy-authorization',
  'proxy-connection',
  'upgrade',
  'te',
  'trailer',
  'expect',
  'max-forwards',
  'via',
  'accept-encoding',
  'range',
  'if-range',
  'cookie',
]);

/** Whether a header of this name can carry a credential: in others it would change what the message is, or be lost. */
export function mayCarryCredential(name: string): boolean {
  const lower = name.toLowerCase();
  return !NOT_FOR_CREDENTIALS.has(lower) && !lower.startsWith('sec-websocket-');
}

/** Text without control characters, in UTF-8; what does not decode has no one form in JSON, a form or a URL. */
export function isPlainText(bytes: Uint8Array): boolean {
  try {
    return !/\p{Cc}/u.test(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch {
    return false;
  }
}

/** As one segment of a path these mean another place (RFC 3986 section 5.2.4). */
export function isDotSegment(segment: string): boolean {
  return segment === '.' || segment === '..';
}

/** The blocks of a PEM text by label, in order. */
export function pemBlocks(text: string, label: string): string[] {
  const pattern = new RegExp(`-----BEGIN ${label}-----[\\s\\S]+?-----END ${label}-----`, 'g');
  return text.match(pattern) ?? [];
}
