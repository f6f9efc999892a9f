import { expect, test } from 'vitest';
import { handshakeFault } from '../../../../../proxy/io/upstream/broken-handshake.ts';

// What Node 20 (OpenSSL 3.0) and Node 24 (3.5) say, as seen.
test.each([
  [{ code: 'ECONNRESET', syscall: 'read' }, true, 'broke the connection in the TLS handshake'],
  [{ code: 'EPIPE', syscall: 'write' }, true, 'broke the connection in the TLS handshake'],
  [{ code: 'ECONNRESET' }, true, 'closed the connection in the TLS handshake'],
  [{ code: 'ERR_SSL_WRONG_VERSION_NUMBER' }, false, 'does not speak TLS on this port'],
  [{ code: 'ERR_SSL_UNEXPECTED_MESSAGE' }, false, 'broke the rules of TLS: unexpected message'],
  [{ code: 'ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE' }, false, 'refused our side of TLS: handshake failure'],
  [{ code: 'ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE' }, false, 'refused our side of TLS: handshake failure'],
  [{ code: 'ERR_SSL_TLSV1_UNRECOGNIZED_NAME' }, false, 'refused our side of TLS: unrecognized name'],
  [{ code: 'CERT_HAS_EXPIRED' }, false, 'cannot be verified: from below'],
  [{}, false, 'cannot be verified: from below'],
])('%o', (fields, isGone, words) => {
  expect(handshakeFault(Object.assign(new Error('from below'), fields))).toEqual({ isGone, words });
});
