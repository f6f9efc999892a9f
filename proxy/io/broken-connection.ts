import { Refusal } from '../refusal.ts';
import type { UpstreamOrigin } from './kept-connection.ts';

/** As OpenSSL names what a peer says when it ends TLS for a fault of ours (RFC 8446 6.2). */
const TLS_ALERT = /^ERR_SSL_(?:SSLV3|TLSV1|TLSV13)_ALERT_([A-Z_]+)$/;

/**
 * What an error on a connection to an upstream means for its calls. Since TLS 1.3 a server refuses a client certificate
 * only after the client's handshake is over, in an alert.
 */
export function brokenConnection(cause: Error & { readonly code?: unknown }): Refusal {
  const [, alert] = TLS_ALERT.exec(String(cause.code)) ?? [];
  if (alert === undefined) return new Refusal('upstream-closed', 'the upstream broke the connection', { cause });
  const words = alert.toLowerCase().replaceAll('_', ' ');
  return new Refusal('upstream-tls-failed', `the upstream refused our side of TLS: ${words}`, { cause });
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
