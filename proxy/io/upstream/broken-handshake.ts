import { describeError } from '../../../common/errors.ts';
import { alertOf } from './broken-connection.ts';

/** Why a TLS handshake with a peer came to nothing. */
export interface HandshakeFault {
  /** The peer went without saying what is wrong: as good as unreachable. Else TLS itself failed. */
  readonly isGone: boolean;
  /** To stand behind the peer's name. */
  readonly words: string;
}

/** As OpenSSL calls bytes that are no record of TLS (RFC 8446 5.1): the 400 of an HTTP server, the greeting of SSH. */
const NO_RECORD = 'ERR_SSL_WRONG_VERSION_NUMBER';
/** Of Node for a peer that ended, and of the kernel for one that reset; the latter names its system call. */
const ENDED = 'ECONNRESET';

/** Tells apart what Node says with one event: a peer that goes, speaks no TLS, refuses us, or has no certificate that holds. */
export function handshakeFault(cause: Error & { readonly code?: unknown; readonly syscall?: unknown }): HandshakeFault {
  const alert = alertOf(cause);
  if (alert !== undefined) return { isGone: false, words: `refused our side of TLS: ${alert}` };
  if (cause.code === NO_RECORD) return { isGone: false, words: 'does not speak TLS on this port' };
  const [, fault] = /^ERR_SSL_([A-Z0-9_]+)$/.exec(String(cause.code)) ?? [];
  if (fault !== undefined) return { isGone: false, words: `broke the rules of TLS: ${inWords(fault)}` };
  const isGone = cause.code === ENDED || cause.syscall !== undefined;
  if (!isGone) return { isGone, words: `cannot be verified: ${describeError(cause)}` };
  return { isGone, words: `${cause.syscall === undefined ? 'closed' : 'broke'} the connection in the TLS handshake` };
}

function inWords(name: string): string {
  return name.toLowerCase().replaceAll('_', ' ');
}
