import { Refusal } from '../../refusal.ts';
import type { UpstreamOrigin } from './kept-connection.ts';

/** As OpenSSL names what a peer says when it ends TLS for a fault of ours (RFC 8446 6.2); `SSL/TLS` since its version 3.2. */
const TLS_ALERT = /^ERR_SSL_(?:SSLV3|TLSV1|TLSV13|SSL\/TLS)_(?:ALERT_)?([A-Z_]+)$/;

/** What a peer complains of in an alert, in lower case; undefined for any other error. */
export function alertOf({ code }: { readonly code?: unknown }): string | undefined {
  return TLS_ALERT.exec(String(code))?.[1]?.toLowerCase().replaceAll('_', ' ');
}

/**
 * What an error on a connection to an upstream means for its calls. Since TLS 1.3 a server refuses a client certificate
 * only after the client's handshake is over, in an alert.
 */
export function brokenConnection(cause: Error & { readonly code?: unknown }): Refusal {
  const alert = alertOf(cause);
  if (alert === undefined) return new Refusal('upstream-closed', 'the upstream broke the connection', { cause });
  return new Refusal('upstream-tls-failed', `the upstream refused our side of TLS: ${alert}`, { cause });
}

/**
 * The same for a connection that ended before the upstream said anything in it. Servers that do not like a certificate
 * often just close.
 */
export function brokenBeforeUse(error: Refusal, { showsCertificate }: UpstreamOrigin): Refusal {
  if (!showsCertificate || error.reason !== 'upstream-closed') return error;
  const message = `${error.message}, after it was shown a client certificate: it may not accept it`;
  return new Refusal('upstream-closed', message, { cause: error });
}
