import type { Socket } from 'node:net';
import type tls from 'node:tls';
import type { Call } from '../../http/call.ts';
import { Outcome } from '../../../proto/gen/sidekey/v1/decision.ts';
import type { Transport } from '../../http/request/destination.ts';
import { CertificateAuthorityError } from '../../intercept/certificate-authority.ts';
import type { AgentServices } from './agent-sessions.ts';
import { closeWith } from '../linger.ts';
import { SecuredSocket } from './secured-socket.ts';
import { serveHttp } from './serve-http.ts';
import type { Authority } from '../../../common/net/host.ts';

/** Fatal TLS alerts in records of TLS 1.2 (RFC 8446 5.1, 6.2). */
export const ALERT = {
  unrecognizedName: Buffer.from([0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x70]),
  /** A server name may be hidden in what would be relayed unread. */
  echRequired: Buffer.from([0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x79]),
} as const;

const ENDS = ['error', 'end', 'close'] as const;

/** The agent's end of a connection to somewhere. */
export interface AgentEnd {
  readonly socket: Socket;
  /** The call of opening it; it is recorded unless calls inside take its place. */
  readonly call: Call;
}

/** Speaks TLS with the agent in the target's name, and HTTP inside. `opening` is what was read of it already. */
export function interceptTls(
  services: AgentServices,
  { socket, call }: AgentEnd,
  target: Authority,
  opening: Buffer,
): void {
  const context = contextFor(services, target.host);
  if (context === undefined) {
    // With a route, it is yet to be issued for the host; without one, it never will.
    const isRouted = services.routes.find(target.host, target.port) !== undefined;
    services.ended(call, Outcome.OUTCOME_DENIED, isRouted ? 'not-ready' : 'no-route');
    return closeWith(socket, ALERT.unrecognizedName);
  }
  socket.unshift(opening);
  const secured = new SecuredSocket(socket, context);
  let settled = false;
  // Node leaves without an alert where it does not trust the certificate.
  const failed = (): void => {
    clearTimeout(timer);
    if (settled) return;
    settled = true;
    services.ended(call, Outcome.OUTCOME_FAILED, 'agent-tls-failed');
    secured.destroy();
    socket.destroy();
  };
  const timer = setTimeout(failed, services.limits.tlsHandshakeTimeoutMs);
  for (const event of ENDS) secured.on(event, failed);
  secured.once('secure', () => {
    clearTimeout(timer);
    for (const event of ENDS) secured.removeListener(event, failed);
    const transport: Transport = { kind: 'tunnel', ...target, tls: true };
    serveHttp(services, secured, transport, secured.alpnProtocol === 'h2');
  });
}

/** undefined when the certificate authority is missing, over, or may not speak for this host. */
function contextFor(services: AgentServices, host: string): tls.SecureContext | undefined {
  const authority = services.authority();
  if (authority === undefined || !authority.permits(host)) return undefined;
  try {
    return authority.secureContextFor(host);
  } catch (error) {
    if (error instanceof CertificateAuthorityError) return undefined;
    throw error;
  }
}
