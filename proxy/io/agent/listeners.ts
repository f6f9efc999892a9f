import type { Socket } from 'node:net';
import { UsageError } from '../../../common/errors.ts';
import { cidrContains, LOOPBACK } from '../../../common/net/cidr.ts';
import { formatAuthority, type Authority } from '../../../common/net/host.ts';
import { readIpAddress } from '../../../common/net/ip-address.ts';
import type { LocalListener, ProxyConfig } from '../../config.ts';
import { Call } from '../../http/call.ts';
import { bareReply } from './bare-reply.ts';
import { Refusal } from '../../refusal.ts';
import { Outcome } from '../../../proto/gen/sidekey/v1/decision.ts';
import type { AgentServices, AgentSessions } from './agent-sessions.ts';
import { Callers } from './callers.ts';
import { serveExplicit } from './explicit-mode.ts';
import { FirstBytes } from './first-bytes.ts';
import { closeWith } from '../linger.ts';
import { shareSocketShapes } from '../socket-shapes.ts';
import { type Listener, startListener } from './listener.ts';
import { localTransport, serveLocal } from './local-mode.ts';
import { loadOriginalDestination } from './original-destination.ts';
import { refuseDirect, serveTransparent } from './transparent-mode.ts';

/** Every port and socket on which a proxy takes calls. */
export interface Listeners {
  readonly explicit: Authority;
  readonly transparent: readonly Authority[];
  /** In the order of the configuration; undefined for a unix socket. */
  readonly local: readonly (Authority | undefined)[];
  /** Closes the ports and idle connections, waits for busy ones until the deadline, then calls `cut` and closes them. */
  drain(deadlineMs: number, cut: () => void): Promise<void>;
}

/** Told of each redirected connection, with a way to ask whose it is; what it promises is waited for. */
export type RedirectWatcher = (
  original: Authority,
  askUid: () => Promise<number | undefined>,
) => Promise<void> | undefined;

interface Parts {
  readonly services: AgentServices;
  readonly config: Readonly<ProxyConfig>;
  readonly callers: Callers;
  readonly watcher: RedirectWatcher | undefined;
}

const CUT_MS = 100;
/** Behind the start, which it would make two milliseconds longer. */
const SHAPES_MS = 1_000;
/** How long a caller who cannot be known may take to ask for something, or to go away again. */
const UNKNOWN_CALLER_MS = 1_000;

/** Listens in every mode that the configuration asks for, or in none. @throws UsageError, SocketOptionError */
export async function startListeners(
  services: AgentServices,
  config: Readonly<ProxyConfig>,
  watcher: RedirectWatcher | undefined,
): Promise<Listeners> {
  checkConfig(config);
  const { sessions } = services;
  const parts: Parts = { services, config, callers: new Callers(config.allowedUids), watcher };
  const started: Listener[] = [];
  const keep = async (starting: Promise<Listener>): Promise<Authority | undefined> => {
    const listener = await starting;
    started.push(listener);
    return listener.bound;
  };
  try {
    const explicit = (await keep(startExplicit(parts))) ?? config.listen;
    const transparent: Authority[] = [];
    for (const at of config.transparent ?? []) transparent.push((await keep(startTransparent(parts, at))) ?? at);
    const local: (Authority | undefined)[] = [];
    for (const one of config.local ?? []) local.push(await keep(startLocal(parts, one)));
    setTimeout(shareSocketShapes, SHAPES_MS).unref();
    return { explicit, transparent, local, drain: (deadlineMs, cut) => drain(started, sessions, deadlineMs, cut) };
  } catch (error) {
    const closed = Promise.all(started.map((listener) => listener.close()));
    sessions.destroySockets();
    await closed;
    throw error;
  }
}

function checkConfig({ listen, admin, transparent = [], local = [], ...config }: Readonly<ProxyConfig>): void {
  const tcpLocal = local.filter(({ at }) => !('socketPath' in at)).map(({ at }) => at);
  for (const at of [listen, ...transparent, ...tcpLocal, ...(admin === undefined ? [] : [admin])]) {
    if (config.allowRemote === true || 'socketPath' in at || isLoopback(at.host)) continue;
    throw new UsageError(
      'remote-listener',
      `${formatAuthority(at.host, at.port)} is reachable from other machines: use a loopback address, or allow it with --allow-remote`,
    );
  }
  if (config.proxyToken !== undefined && config.allowedUids === undefined && transparent.length + tcpLocal.length > 0) {
    throw new UsageError(
      'token-bypassed',
      'agents cannot send the proxy token to transparent and local listeners: say with --allow-uid who may use them',
    );
  }
}

function isLoopback(host: string): boolean {
  if (host === 'localhost') return true;
  const address = readIpAddress(host);
  return address !== undefined && LOOPBACK.some((range) => cidrContains(range, address));
}

function startExplicit(parts: Parts): Promise<Listener> {
  const { services, config } = parts;
  const serve = (socket: Socket): void => serveExplicit(services, socket);
  return startListener(config.listen, services.sessions, (socket) =>
    admit(parts, socket, undefined, serve, refuseInHttp),
  );
}

function startTransparent(parts: Parts, at: Authority): Promise<Listener> {
  const { services, callers, watcher } = parts;
  const originalOf = loadOriginalDestination();
  return startListener(at, services.sessions, (socket) => {
    const original = originalOf(socket);
    if (original === undefined) return refuseDirect(services, socket);
    const serve = (admitted: Socket): void => serveTransparent(services, admitted, original);
    const go = (): void => admit(parts, socket, original, serve, refuseSilently);
    const watched = watcher?.(original, () => callers.uidOf(socket, original));
    if (watched === undefined) go();
    else watched.then(go, go);
  });
}

async function startLocal(parts: Parts, { at, upstream }: LocalListener): Promise<Listener> {
  const { services, callers } = parts;
  if ('socketPath' in at) callers.prepareUnix();
  const where = 'socketPath' in at ? { ...at, openToAll: callers.areChecked } : at;
  const listener = await startListener(where, services.sessions, (socket) =>
    admit(parts, socket, undefined, serve, refuseInHttp),
  );
  const transport = localTransport(upstream, listener.bound);
  function serve(socket: Socket): void {
    serveLocal(services, socket, transport);
  }
  return listener;
}

/** Serves the callers that may use the proxy. `dialled` is where a redirected one believes to be connected. */
function admit(
  parts: Parts,
  socket: Socket,
  dialled: Authority | undefined,
  serve: (socket: Socket) => void,
  refuse: (call: Call, socket: Socket) => void,
): void {
  const { services, callers } = parts;
  if (!callers.areChecked) return serve(socket);
  const refused = (): void => {
    const call = new Call('');
    refuse(call, socket);
    services.ended(call, Outcome.OUTCOME_DENIED, 'caller-refused');
  };
  callers.uidOf(socket, dialled).then(
    (uid) => {
      if (socket.destroyed) return;
      // It came and went while its user was looked up, and nobody is told of an end that was told before.
      if (socket.readableEnded) socket.destroy();
      else if (callers.admits(uid)) serve(socket);
      else if (uid === undefined) unlessGone(parts, socket, refused);
      else refused();
    },
    () => refused(),
  );
}

/**
 * Nobody holds the other end of a connection that was closed again at once. Whoever connects only to see whether somebody listens
 * (a health check, `sidekey run`) asked for nothing, so nothing is denied.
 */
function unlessGone({ services }: Parts, socket: Socket, refused: () => void): void {
  new FirstBytes(services.sessions, socket, {
    judge: () => true,
    deadlineAt: services.monotonicMs() + UNKNOWN_CALLER_MS,
    done: ({ kind }) => (kind === 'closed' ? socket.destroy() : refused()),
  });
}

function refuseInHttp(call: Call, socket: Socket): void {
  const refusal = new Refusal('caller-refused', 'this user may not use the proxy');
  closeWith(socket, bareReply(refusal, call));
}

function refuseSilently(_call: Call, socket: Socket): void {
  socket.destroy();
}

async function drain(
  listeners: readonly Listener[],
  sessions: AgentSessions,
  deadlineMs: number,
  cut: () => void,
): Promise<void> {
  const closed = Promise.all(listeners.map((listener) => listener.close()));
  sessions.drain();
  const timers = [
    setTimeout(cut, deadlineMs),
    // What the agents are told of it needs a moment to leave.
    setTimeout(() => sessions.destroySockets(), deadlineMs + CUT_MS),
  ];
  await closed;
  for (const timer of timers) clearTimeout(timer);
}
