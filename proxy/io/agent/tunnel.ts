import { parseHost, type Authority } from '../../../common/net/host.ts';
import { Outcome } from '../../../proto/gen/sidekey/v1/decision.ts';
import type { Reason } from '../../../proto/reasons.ts';
import type { Call } from '../../http/call.ts';
import { refusalOf } from '../../http/answer/refusal-reply.ts';
import { type Transport, whereTo } from '../../http/request/destination.ts';
import { assertServing } from '../../http/request/routing.ts';
import { type Opening, readOpening } from '../../protocols/opening.ts';
import { Refusal } from '../../refusal.ts';
import type { AgentServices } from './agent-sessions.ts';
import { openBlindTunnel } from './blind-tunnel.ts';
import { FirstBytes } from './first-bytes.ts';
import { ALERT, type AgentEnd, interceptTls } from './intercept-tls.ts';
import { closeWith } from '../linger.ts';
import { serveHttp } from './serve-http.ts';

/** A connection on which the agent asked for a way to somewhere, by CONNECT, SOCKS or simply by dialling. */
export interface Tunnel extends AgentEnd {
  /** What the agent is told once the tunnel stands; may be empty. */
  readonly established: Buffer;
  /** What the agent is told instead; may be empty. */
  refusal(refusal: Refusal): Buffer;
}

const NOTHING = Buffer.alloc(0);

/** Opens a tunnel to a host that the agent named: refused, relayed blindly (unrouted hosts, by configuration) or intercepted. */
export function openTunnel(services: AgentServices, tunnel: Tunnel, target: Authority, rest: Buffer): void {
  nameCall(tunnel.call, target);
  try {
    refusePort(services, target.port);
    if (admit(services, target) === 'blind') return relay(services, tunnel, target, rest);
  } catch (error) {
    return refuseTunnel(services, tunnel, error);
  }
  establish(tunnel, rest);
  listen(services, tunnel, (opening, bytes) => {
    if (opening.kind !== 'tls')
      return serveCleartext(services, tunnel, { kind: 'tunnel', ...target, tls: false }, opening, bytes);
    // An encrypted ClientHello hides nothing from whoever ends TLS without its key: the outer name is the one that counts.
    if (opening.serverName !== undefined && canonical(opening.serverName) !== target.host) {
      return giveUp(services, tunnel, 'destination-mismatch', ALERT.unrecognizedName);
    }
    interceptTls(services, tunnel, target, bytes);
  });
}

/**
 * Opens a tunnel to an address, behind which the agent has a name in mind. The name comes from SNI or Host; it, and never the
 * agent's address, is what is resolved and dialled. Without SNI the address itself is the host.
 */
export function openAddressTunnel(services: AgentServices, tunnel: Tunnel, at: Authority, rest: Buffer): void {
  nameCall(tunnel.call, at);
  try {
    refusePort(services, at.port);
    assertServing(services);
  } catch (error) {
    return refuseTunnel(services, tunnel, error);
  }
  establish(tunnel, rest);
  listen(services, tunnel, (opening, bytes) => {
    if (opening.kind !== 'tls') {
      return serveCleartext(services, tunnel, { kind: 'address', address: at.host, port: at.port }, opening, bytes);
    }
    const host = opening.serverName === undefined ? at.host : canonical(opening.serverName);
    if (host === undefined) return giveUp(services, tunnel, 'bad-request', ALERT.unrecognizedName);
    const target = { host, port: at.port };
    nameCall(tunnel.call, target);
    // The tunnel stands: from here on the agent is told in TLS.
    const inside: Tunnel = { ...tunnel, established: NOTHING, refusal: () => ALERT.unrecognizedName };
    try {
      if (admit(services, target) === 'blind') {
        // Whoever reads it behind us may find another name inside, which nothing here has decided on.
        if (opening.ech) return giveUp(services, tunnel, 'destination-mismatch', ALERT.echRequired);
        return relay(services, inside, target, bytes);
      }
    } catch (error) {
      return refuseTunnel(services, inside, error);
    }
    interceptTls(services, tunnel, target, bytes);
  });
}

/** @throws Refusal */
function admit(services: AgentServices, { host, port }: Authority): 'intercept' | 'blind' {
  // Few clients show why a tunnel was refused, so where we may speak for the host the call inside is refused instead.
  if (services.unrouted === 'deny' && !services.state.draining && services.authority()?.permits(host) === true) {
    return 'intercept';
  }
  assertServing(services);
  if (services.routes.find(host, port) !== undefined) return 'intercept';
  if (services.unrouted === 'tunnel') {
    // Nobody asks policy about what is relayed, so that a revocation has to be looked for here.
    const revoked = services.client.revoked();
    if (revoked !== undefined) throw new Refusal(revoked, 'the access was revoked');
    return 'blind';
  }
  if (services.unrouted === 'deny') throw new Refusal('no-route', `no server workload covers ${host}:${port}`);
  return 'intercept';
}

function refusePort(services: AgentServices, port: number): void {
  if (services.refusedPorts.has(port)) throw new Refusal('port-refused', `port ${port} is refused by configuration`);
}

/** Notes where a connection is to go, for its record. */
export function nameCall(call: Call, at: Authority): void {
  call.destination = whereTo({ kind: 'tunnel', ...at, tls: true });
}

function establish({ socket, established }: Tunnel, rest: Buffer): void {
  if (rest.length > 0) socket.unshift(rest);
  if (established.length > 0) socket.write(established);
}

/** Reads what the agent opens with. */
function listen(services: AgentServices, tunnel: Tunnel, done: (opening: Opening, bytes: Buffer) => void): void {
  const { limits, sessions } = services;
  new FirstBytes(sessions, tunnel.socket, {
    judge: readOpening,
    deadlineAt: services.monotonicMs() + limits.tlsHandshakeTimeoutMs,
    done: (end) => {
      if (end.kind === 'known') return done(end.value, end.bytes);
      if (end.kind === 'late') return giveUp(services, tunnel, 'header-timeout');
      services.ended(tunnel.call, Outcome.OUTCOME_FAILED, 'agent-closed');
      tunnel.socket.destroy();
    },
  });
}

function serveCleartext(
  services: AgentServices,
  tunnel: Tunnel,
  transport: Transport,
  opening: Opening,
  bytes: Buffer,
): void {
  if (opening.kind === 'unknown') return giveUp(services, tunnel, 'protocol-refused');
  tunnel.socket.unshift(bytes);
  serveHttp(services, tunnel.socket, transport, opening.kind === 'http2');
}

function relay(services: AgentServices, tunnel: Tunnel, target: Authority, rest: Buffer): void {
  openBlindTunnel(services, tunnel, target, rest).catch((error: unknown) =>
    refuseTunnel(services, tunnel, error, true),
  );
}

/** Ends a tunnel that was never established, as its own protocol does it. */
export function refuseTunnel(services: AgentServices, tunnel: Tunnel, error: unknown, wasAdmitted = false): void {
  const refusal = refusalOf(error, tunnel.call);
  closeWith(tunnel.socket, tunnel.refusal(refusal));
  const failed = wasAdmitted && !refusal.denies;
  services.ended(tunnel.call, failed ? Outcome.OUTCOME_FAILED : Outcome.OUTCOME_DENIED, refusal.reason);
}

/** Ends a tunnel that stands, as the protocol inside does it. */
function giveUp(services: AgentServices, { socket, call }: Tunnel, reason: Reason, alert: Buffer = NOTHING): void {
  closeWith(socket, alert);
  services.ended(call, Outcome.OUTCOME_DENIED, reason);
}

function canonical(name: string): string | undefined {
  try {
    return parseHost(name);
  } catch {
    return undefined;
  }
}
