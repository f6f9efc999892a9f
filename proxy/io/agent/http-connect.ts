import type { Socket } from 'node:net';
import { type Authority, parseHost } from '../../../common/net/host.ts';
import { Call } from '../../http/call.ts';
import { connectTarget } from '../../http/request/destination.ts';
import { bareReply } from './bare-reply.ts';
import type { RequestHead } from '../../protocols/heads.ts';
import { Refusal } from '../../refusal.ts';
import type { AgentServices } from './agent-sessions.ts';
import { nameCall, openTunnel, refuseTunnel, type Tunnel } from './tunnel.ts';

/** Takes over the socket of an accepted CONNECT, with the bytes that came behind it. */
export type ConnectHandler = (socket: Socket, head: RequestHead, rest: Buffer) => void;

const ESTABLISHED = Buffer.from('HTTP/1.1 200 Connection Established\r\n\r\n', 'latin1');

/** Serves one CONNECT (RFC 9110 9.3.6) whose caller is admitted. */
export function serveConnect(services: AgentServices, socket: Socket, head: RequestHead, rest: Buffer): void {
  const call = new Call('CONNECT');
  const tunnel: Tunnel = {
    socket,
    call,
    established: ESTABLISHED,
    refusal: (refusal) => bareReply(refusal, call),
  };
  let target: Authority;
  try {
    target = connectTarget(head.target);
    nameCall(call, target);
    expectHost(head, target, socket);
  } catch (error) {
    return refuseTunnel(services, tunnel, error);
  }
  openTunnel(services, tunnel, target, rest);
}

function expectHost(head: RequestHead, { host, port }: Authority, socket: Socket): void {
  const field = head.headers.get('host');
  if (field === undefined) return;
  // Clients send Host with or without the port; a host name alone stands for the target's port.
  const same = connectTarget(/:\d+$/.test(field) ? field : `${field}:${port}`);
  if ((same.host !== host || same.port !== port) && !isOurs(same, socket)) {
    throw new Refusal('destination-mismatch', 'CONNECT target and Host name different hosts');
  }
}

/**
 * Node's `http.request` says there whom it is connected to, though RFC 9110 7.2 wants the target. That names no other
 * destination; what is decided, dialled and recorded is the target alone.
 */
function isOurs({ host, port }: Authority, { localAddress = '', localPort }: Socket): boolean {
  if (port !== localPort) return false;
  return host === 'localhost' || host === parseHost(localAddress);
}
