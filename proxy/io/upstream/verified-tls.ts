import tls from 'node:tls';
import { isIpAddress } from '../../../common/net/host.ts';
import type { Refusal } from '../../refusal.ts';
import { handshakeFault, type HandshakeFault } from './broken-handshake.ts';
import { whenReady } from './when-ready.ts';

/** TLS with whoever proves this name, whatever the environment says of verification. */
export function connectTls(options: tls.ConnectionOptions, name: string): tls.TLSSocket {
  return tls.connect({
    ...options,
    ...(isIpAddress(name) ? {} : { servername: name }),
    rejectUnauthorized: true,
    checkServerIdentity: (_, certificate) => tls.checkServerIdentity(name, certificate),
  });
}

/** Waits for the end of the handshake; `failed` says what its fault means. */
export async function whenVerified(
  socket: tls.TLSSocket,
  timeoutMs: number,
  late: Refusal,
  failed: (fault: HandshakeFault, cause: Error) => Refusal,
): Promise<void> {
  const refused = (cause: Error): Refusal => failed(handshakeFault(cause), cause);
  await whenReady(socket, 'secureConnect', timeoutMs, late, refused);
  if (!socket.authorized) throw refused(socket.authorizationError ?? new Error('certificate not authorized'));
}
