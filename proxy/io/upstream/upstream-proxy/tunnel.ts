import net from 'node:net';
import tls from 'node:tls';
import type { Authority } from '../../../../common/net/host.ts';
import { ConnectClient } from '../../../protocols/http1/connect-client.ts';
import { Socks5Client } from '../../../protocols/socks5/client.ts';
import { type TunnelClient, TunnelError } from '../../../protocols/tunnel-client.ts';
import { Refusal } from '../../../refusal.ts';
import { outOfFiles } from '../../open-files.ts';
import { type Timeouts, whenReady } from '../when-ready.ts';
import { connectTls, whenVerified } from '../verified-tls.ts';
import type { UpstreamProxySettings } from './settings.ts';

/**
 * Connects to the proxy at one of its addresses and opens a tunnel. The socket that comes back is paused.
 *
 * @throws Refusal `upstream-proxy-failed` or `upstream-proxy-refused` (the proxy), `connect-failed` or `connect-timeout`
 * (what it says of the upstream)
 */
export async function openTunnel(
  settings: UpstreamProxySettings,
  context: tls.SecureContext,
  proxyAddress: string,
  destination: Authority,
  timeouts: Timeouts,
): Promise<net.Socket> {
  const options = { host: proxyAddress, port: settings.port, allowHalfOpen: false };
  const tlsOptions = { ...options, secureContext: context, ALPNProtocols: ['http/1.1'] };
  const socket = settings.scheme === 'https' ? connectTls(tlsOptions, settings.host) : net.connect(options);
  try {
    const late = failed('did not accept the connection in time');
    const unreached = (cause: Error): Refusal => outOfFiles(cause) ?? failed('cannot be reached', { cause });
    await whenReady(socket, 'connect', timeouts.connectTimeoutMs, late, unreached);
    socket.setNoDelay(true);
    if (socket instanceof tls.TLSSocket) {
      const lateTls = failed('did not finish the TLS handshake in time');
      await whenVerified(socket, timeouts.tlsHandshakeTimeoutMs, lateTls, ({ words }, cause) =>
        failed(words, { cause }),
      );
    }
    await negotiate(socket, clientFor(settings, destination), timeouts.connectTimeoutMs);
    return socket;
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

function clientFor({ scheme, credentials }: UpstreamProxySettings, destination: Authority): TunnelClient {
  const Client = scheme === 'http' || scheme === 'https' ? ConnectClient : Socks5Client;
  return new Client(destination, credentials);
}

/** Plays the client until the tunnel stands. */
async function negotiate(socket: net.Socket, client: TunnelClient, timeoutMs: number): Promise<void> {
  const receive = (bytes: Buffer): void => {
    try {
      const step = client.receive(bytes);
      if (step.kind === 'send') socket.write(step.bytes);
      if (step.kind !== 'open') return;
      socket.removeListener('data', receive);
      socket.pause();
      if (step.rest.length > 0) socket.unshift(step.rest);
      socket.emit('tunnel');
    } catch (error) {
      socket.removeListener('data', receive);
      const cause = error instanceof Error ? error : new Error(String(error));
      socket.destroy(cause);
    }
  };
  socket.on('data', receive);
  const late = failed('did not open a tunnel in time');
  const standing = whenReady(socket, 'tunnel', timeoutMs, late, (cause) =>
    cause instanceof TunnelError ? new Refusal(cause.code, cause.message, { cause }) : failed('broke off', { cause }),
  );
  socket.write(client.start());
  await standing;
}

function failed(message: string, options?: ErrorOptions): Refusal {
  return new Refusal('upstream-proxy-failed', `the proxy before the upstream ${message}`, options);
}
