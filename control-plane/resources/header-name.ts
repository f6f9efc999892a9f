import { z } from 'zod';

export const token = z.string().regex(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,128}$/, 'use a token (RFC 9110 section 5.6.2)');

/** Headers that carry framing, routing or identity of the hop; a credential in them would be refused by the proxy. */
const RESERVED_HEADERS = new Set([
  'host',
  'content-length',
  'transfer-encoding',
  'connection',
  'keep-alive',
  'te',
  'trailer',
  'upgrade',
  'expect',
  'proxy-authorization',
  'proxy-connection',
  'cookie',
]);

export const headerName = token.refine((name) => !RESERVED_HEADERS.has(name.toLowerCase()), {
  error: 'this header may not carry a credential',
});
