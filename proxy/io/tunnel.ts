import type { RequestHead } from '../protocols/heads.ts';
import type { Socket } from 'node:net';
import tls from 'node:tls';
import { Outcome } from '../../proto/gen/sidekey/v1/decision.ts';
import type { Reason } from '../../proto/reasons.ts';
import { Call } from '../http/call.ts';
import { connectTarget, type Transport } from '../http/destination.ts';
import { Refusal } from '../http/refusal.ts';
import { toRefusal } from '../http/refusal-reply.ts';
import { bareReply } from './bare-reply.ts';
import type { ProxyServices } from '../http/services.ts';
import { readClientHello } from '../protocols/tls-client-hello.ts';
import { CertificateAuthorityError } from '../intercept/certificate-authority.ts';
import { parseHost } from '../../common/net/host.ts';
import { AgentConnection } from './agent-connection.ts';
import type { AgentSession } from './agent-session.ts';
import { openBlindTunnel } from './blind-tunnel.ts';
import { Http2AgentConnection } from './http2-agent-connection.ts';

const ESTABLISHED = Buffer.from('HTTP/1.1 200 Connection Established\r\n\r\n', 'latin1');
/** A fatal unrecognized_name alert (RFC 8446 6.2) in a TLS 1.2 record. */
const UNRECOGNIZED_NAME = Buffer.from([0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x70]);
/** A fatal ech_required alert; encrypted server names are refused. */
const ECH_REFUSED = Buffer.from([0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x79]);
const HTTP2_PREFACE = 'PRI * HTTP/2.0';

type Track = (connection: AgentSession) => void;

/** Serves one accepted CONNECT: refused, relayed blindly (unrouted hosts, by configuration) or intercepted. */
export function serveConnect(
  services: ProxyServices,
  socket: Socket,
  head: RequestHead,
  rest: Buffer,
  track: Track,
): void {
  const call = new Call('CONNECT');
  try {
    const { host, port } = connectTarget(head.target);
    call.destination = { scheme: 'https', host, port, authority: head.target, path: '', query: undefined };
    if (head.framing.kind !== 'none') throw new Refusal('bad-request', 'CONNECT takes no content');
    expectHost(head, host, port);
    if (services.state.draining) throw new Refusal('draining', 'the proxy is shutting down');
    if (!services.state.ready) throw new Refusal('not-ready', 'the proxy has no policy yet');
    const prepared = services.routes.find(host, port);
    // Few clients show the body of a refused CONNECT, so where we may speak for the host the call inside is refused instead.
    if (prepared === undefined && services.unrouted === 'deny' && services.authority()?.permits(host) !== true) {
      throw new Refusal('no-route', `no server workload covers ${host}:${port}`);
    }
    if (prepared === undefined && services.unrouted === 'tunnel') {
      openBlindTunnel(services, socket, call, rest).catch((error: unknown) => refuse(services, socket, call, error));
      return;
    }
    if (rest.length > 0) socket.unshift(rest);
    socket.write(ESTABLISHED);
    intercept(services, socket, { host, port }, call, track);
  } catch (error) {
    refuse(services, socket, call, error);
  }
}

function expectHost(head: RequestHead, host: string, port: number): void {
  const field = head.headers.get('host');
  if (field === undefined) return;
  // Clients send Host with or without the port; a host name alone stands for the target's port.
  const same = connectTarget(/:\d+$/.test(field) ? field : `${field}:${port}`);
  if (same.host !== host || same.port !== port) {
    throw new Refusal('destination-mismatch', 'CONNECT target and Host name different hosts');
  }
}

/** Reads what the agent opens with, checks it against the CONNECT host and speaks TLS or HTTP with it. */
function intercept(
  services: ProxyServices,
  socket: Socket,
  target: { host: string; port: number },
  call: Call,
  track: Track,
): void {
  let opening: Buffer = Buffer.alloc(0);
  const giveUp = (reason: Reason, alert?: Buffer): void => {
    clearTimeout(timer);
    socket.removeListener('data', onData);
    socket.removeListener('close', onClose);
    services.ended(call, Outcome.OUTCOME_DENIED, reason);
    if (alert !== undefined) socket.end(alert);
    setTimeout(() => socket.destroy(), 500).unref();
  };
  const timer = setTimeout(() => giveUp('header-timeout'), services.limits.tlsHandshakeTimeoutMs);
  const onData = (bytes: Buffer): void => {
    opening = opening.length === 0 ? bytes : Buffer.concat([opening, bytes]);
    const hello = readClientHello(opening);
    if (hello.kind === 'need-more') return;
    if (hello.kind === 'not-tls') {
      const text = opening.toString('latin1', 0, HTTP2_PREFACE.length);
      if (text.length < HTTP2_PREFACE.length && HTTP2_PREFACE.startsWith(text)) return;
      if (text === HTTP2_PREFACE) return giveUp('upgrade-refused');
    } else {
      if (hello.ech) return giveUp('destination-mismatch', ECH_REFUSED);
      if (hello.serverName !== undefined && canonical(hello.serverName) !== target.host) {
        return giveUp('destination-mismatch', UNRECOGNIZED_NAME);
      }
    }
    clearTimeout(timer);
    socket.removeListener('data', onData);
    socket.removeListener('end', onEnd);
    socket.removeListener('close', onClose);
    socket.pause();
    socket.unshift(opening);
    if (hello.kind === 'not-tls') {
      track(new AgentConnection(services, socket, { kind: 'tunnel', ...target, tls: false }));
      socket.resume();
    } else serveTls(services, socket, target, call, track);
  };
  const onClose = (): void => {
    clearTimeout(timer);
    services.ended(call, Outcome.OUTCOME_FAILED, 'agent-closed');
  };
  // An agent that closes before it has said what it speaks will not say it any more.
  const onEnd = (): void => void socket.destroy();
  socket.on('data', onData);
  socket.once('end', onEnd);
  socket.once('close', onClose);
  socket.resume();
}

function serveTls(
  services: ProxyServices,
  socket: Socket,
  target: { host: string; port: number },
  call: Call,
  track: Track,
): void {
  const context = contextFor(services, target.host);
  if (context === undefined) {
    services.ended(call, Outcome.OUTCOME_DENIED, 'not-ready');
    socket.destroy();
    return;
  }
  const secured = new tls.TLSSocket(socket, {
    isServer: true,
    secureContext: context,
    ALPNProtocols: ['h2', 'http/1.1'],
  });
  let settled = false;
  const timer = setTimeout(() => secured.destroy(), services.limits.tlsHandshakeTimeoutMs);
  const failed = (): void => {
    clearTimeout(timer);
    if (settled) return;
    settled = true;
    // Most often an agent that does not trust the certificate authority.
    services.ended(call, Outcome.OUTCOME_FAILED, 'agent-closed');
    secured.destroy();
    socket.destroy();
  };
  secured.on('error', failed);
  secured.once('close', failed);
  secured.once('secure', () => {
    clearTimeout(timer);
    settled = true;
    const transport: Transport = { kind: 'tunnel', ...target, tls: true };
    const speaksHttp2 = secured.alpnProtocol === 'h2';
    track(new (speaksHttp2 ? Http2AgentConnection : AgentConnection)(services, secured, transport));
  });
}

/** undefined when the certificate authority is missing, over, or may not speak for this host. */
function contextFor(services: ProxyServices, host: string): tls.SecureContext | undefined {
  const authority = services.authority();
  if (authority === undefined || !authority.permits(host)) return undefined;
  try {
    return authority.secureContextFor(host);
  } catch (error) {
    if (error instanceof CertificateAuthorityError) return undefined;
    throw error;
  }
}

function refuse(services: ProxyServices, socket: Socket, call: Call, error: unknown): void {
  const refusal = toRefusal(error);
  socket.end(bareReply(refusal, call));
  socket.resume();
  setTimeout(() => socket.destroy(), 2_000).unref();
  services.ended(call, Outcome.OUTCOME_DENIED, refusal.reason);
}

function canonical(name: string): string | undefined {
  try {
    return parseHost(name);
  } catch {
    return undefined;
  }
}
