import type { PseudoFields, RequestHead } from '../../protocols/heads.ts';
import { readAbsoluteForm } from '../../protocols/http1/request-target.ts';
import { Refusal } from '../../refusal.ts';
import { BoundedCache } from '../../../common/bounded-cache.ts';
import { type Authority, formatAuthority, isIpAddress, parseAuthority } from '../../../common/net/host.ts';
import { canonicalPath, PathError, type PathForms, splitTarget, STRICT_PATHS } from '../../../common/match/path.ts';
import { refuseForeignPage } from './foreign-page.ts';

/** What the connection itself proved, before any request on it was read. */
export type Transport =
  | { readonly kind: 'explicit' }
  /** CONNECT or SOCKS named the host, or TLS to an address did (SNI). */
  | { readonly kind: 'tunnel'; readonly host: string; readonly port: number; readonly tls: boolean }
  /** Cleartext to an address, which the agent resolved by itself: Host says what it was looking for. */
  | { readonly kind: 'address'; readonly address: string; readonly port: number }
  | LocalTransport;

/** A listener that is bound to one upstream, always over TLS. */
export interface LocalTransport {
  readonly kind: 'local';
  readonly host: string;
  readonly port: number;
  /** What the listener itself is called; port 0 stands for any. */
  readonly ownNames: readonly Authority[];
}

/**
 * Where one request goes: the only thing that policy, credential, certificate, dial and record read.
 * Host and port are canonical, the path too; the query stands as it was sent, without "?".
 */
export interface RequestDestination {
  readonly scheme: 'http' | 'https';
  readonly host: string;
  readonly port: number;
  /** Host and port as a Host field carries them. */
  readonly authority: string;
  readonly path: string;
  readonly query: string | undefined;
}

/** Which spellings of paths the route to a host and port lets through. */
export type PathFormsAt = (host: string, port: number) => PathForms;

const DEFAULT_PORTS = { http: 80, https: 443 } as const;

/**
 * Builds the destination once from everything that names it; disagreement is refused (421) before anything else happens.
 *
 * @throws Refusal `bad-request`, `path-refused`, `destination-mismatch` or `caller-refused`
 */
export function buildDestination(
  transport: Transport,
  head: RequestHead,
  pathFormsAt: PathFormsAt = () => STRICT_PATHS,
): RequestDestination {
  const { scheme, host, port, target } = readPlace(transport, head);
  const { path, query } = split(target.startsWith('/') ? target : `/${target}`, pathFormsAt(host, port));
  return { scheme, host, port, authority: spell(scheme, host, port), path, query };
}

type Spelled = Pick<RequestDestination, 'scheme' | 'host' | 'port' | 'authority'>;

/** What was put together last: calls come in runs to one host. */
let spelled: Spelled = { scheme: 'https', host: '', port: 0, authority: '' };

function spell(scheme: Spelled['scheme'], host: string, port: number): string {
  if (spelled.host !== host || spelled.port !== port || spelled.scheme !== scheme) {
    spelled = { scheme, host, port, authority: formatAuthority(host, port, DEFAULT_PORTS[scheme]) };
  }
  return spelled.authority;
}

/** What all that names the destination agrees on. */
interface Place {
  readonly scheme: 'http' | 'https';
  readonly host: string;
  readonly port: number;
  /** Path and query as they were sent. */
  readonly target: string;
}

function readPlace(transport: Transport, head: RequestHead): Place {
  const hostField = head.headers.get('host');
  if (transport.kind === 'local') return fromLocal(transport, head, hostField);
  if (transport.kind === 'address') {
    return readPlace(throughAddress(transport, hostField ?? head.pseudo?.authority), head);
  }
  if (transport.kind === 'tunnel') {
    if (head.pseudo !== undefined) return fromStream(transport, head.target, head.pseudo, hostField);
    if (!head.target.startsWith('/')) return withinTunnel(transport, head, hostField);
    return fromTunnel(transport, head.target, hostField);
  }
  const absolute = readAbsoluteForm(head.target);
  if (absolute === undefined) {
    throw new Refusal('bad-request', 'this is a forward proxy: it takes absolute-form targets and CONNECT');
  }
  const { scheme, authority, rest } = absolute;
  const { host, port } = authorityOf(authority, DEFAULT_PORTS[scheme]);
  expectPath(head.method, rest);
  // RFC 9112 3.2.2 lets a proxy ignore Host here; a difference is how fronting starts, so it is refused.
  if (hostField !== undefined && hostField !== authority) expectSame(hostField, host, port, DEFAULT_PORTS[scheme]);
  return { scheme, host, port, target: rest };
}

/** For the record of a request that names none: where the connection leads, if it leads to one place. */
export function whereTo(transport: Transport): RequestDestination | undefined {
  if (transport.kind !== 'tunnel' && transport.kind !== 'local') return undefined;
  const { host, port } = transport;
  const scheme = transport.kind === 'tunnel' && !transport.tls ? 'http' : 'https';
  return { scheme, host, port, authority: '', path: '', query: undefined };
}

type Tunnel = Extract<Transport, { kind: 'tunnel' }>;

/** The port is proven, the address is not dialled: the name is resolved here, and another address in Host is refused. */
function throughAddress(at: Extract<Transport, { kind: 'address' }>, hostField: string | undefined): Tunnel {
  if (hostField === undefined) throw new Refusal('bad-request', 'the request has no Host');
  const { host } = authorityOf(hostField, DEFAULT_PORTS.http);
  if (isIpAddress(host) && host !== at.address) {
    throw new Refusal('destination-mismatch', 'Host names another address than the connection');
  }
  return { kind: 'tunnel', host, port: at.port, tls: false };
}

function fromLocal(local: LocalTransport, head: RequestHead, hostField: string | undefined): Place {
  const { pseudo } = head;
  if (pseudo !== undefined && pseudo.scheme !== 'http') {
    throw new Refusal('destination-mismatch', 'the request names another scheme than the connection');
  }
  const isOrigin = head.target.startsWith('/');
  const absolute = isOrigin ? undefined : readAbsoluteForm(head.target);
  if (!isOrigin && absolute === undefined) {
    throw new Refusal('bad-request', 'the request target must start with "/"');
  }
  const host = hostField ?? pseudo?.authority;
  const named = absolute?.authority ?? pseudo?.authority ?? host;
  if (named === undefined || host === undefined) throw new Refusal('bad-request', 'the request has no Host');
  // A web page that rebinds its own name to this listener shows it in Host.
  if (!isLocalName(local, host) || !isLocalName(local, named)) {
    throw new Refusal('destination-mismatch', `this listener is for ${local.host} alone`);
  }
  refuseForeignPage(local, head.headers);
  return { scheme: 'https', host: local.host, port: local.port, target: absolute?.rest ?? head.target };
}

function isLocalName(local: LocalTransport, text: string): boolean {
  const { host, port } = authorityOf(text, 0);
  if (host === local.host && (port === 0 || port === local.port)) return true;
  const stated = port === 0 ? DEFAULT_PORTS.http : port;
  return local.ownNames.some((own) => own.host === host && (own.port === 0 || own.port === stated));
}

function fromTunnel({ host, port, tls }: Tunnel, target: string, hostField: string | undefined): Place {
  const scheme = tls ? 'https' : 'http';
  if (hostField === undefined) throw new Refusal('bad-request', 'the request has no Host');
  expectSame(hostField, host, port, DEFAULT_PORTS[scheme]);
  return { scheme, host, port, target };
}

/** A stream names its destination up to three times; none of them may differ from the connection's. */
function fromStream(
  tunnel: Tunnel,
  target: string,
  { scheme, authority }: PseudoFields,
  hostField: string | undefined,
): Place {
  if (scheme !== (tunnel.tls ? 'https' : 'http')) {
    throw new Refusal('destination-mismatch', 'the request names another scheme than the connection');
  }
  if (!target.startsWith('/')) throw new Refusal('bad-request', 'the path must start with "/"');
  if (hostField !== undefined) expectSame(hostField, tunnel.host, tunnel.port, DEFAULT_PORTS[scheme]);
  return fromTunnel(tunnel, target, authority);
}

/** Absolute-form inside a tunnel: allowed by RFC 9112 3.2.2 when it names the tunnel's own destination. */
function withinTunnel(tunnel: Tunnel, head: RequestHead, hostField: string | undefined): Place {
  const absolute = readAbsoluteForm(head.target);
  if (absolute === undefined) throw new Refusal('bad-request', 'the request target must start with "/"');
  const scheme = tunnel.tls ? 'https' : 'http';
  if (absolute.scheme !== scheme) {
    throw new Refusal('destination-mismatch', 'the request target names another scheme than the connection');
  }
  expectPath(head.method, absolute.rest);
  expectSame(absolute.authority, tunnel.host, tunnel.port, DEFAULT_PORTS[scheme]);
  return fromTunnel(tunnel, absolute.rest, hostField);
}

/** RFC 9112 3.2.4: that would have to become OPTIONS of "*", which asks about the server and not about anything in it. */
function expectPath(method: string, rest: string): void {
  if (method === 'OPTIONS' && rest === '') {
    throw new Refusal('path-refused', 'OPTIONS of a server as a whole is not forwarded');
  }
}

/** Host and port of a CONNECT target. */
export function connectTarget(target: string): Authority {
  if (!/:\d+$/.test(target)) throw new Refusal('bad-request', 'a CONNECT target is host:port');
  return authorityOf(target, 443);
}

/** What a few texts mean is asked again and again: each distinct text is parsed once. Port 0: it must say one, or means any. */
const PARSED = {
  0: new BoundedCache<string, Authority>(256),
  80: new BoundedCache<string, Authority>(1024),
  443: new BoundedCache<string, Authority>(1024),
};

type DefaultPort = keyof typeof PARSED;

function authorityOf(text: string, defaultPort: DefaultPort): Authority {
  const parsedBefore = PARSED[defaultPort];
  const known = parsedBefore.get(text);
  if (known !== undefined) return known;
  try {
    const parsed = parseAuthority(text, defaultPort);
    parsedBefore.set(text, parsed);
    return parsed;
  } catch (cause) {
    throw new Refusal('bad-request', 'the host name is malformed or ambiguous', { cause });
  }
}

function expectSame(text: string, host: string, port: number, defaultPort: DefaultPort): void {
  const other = authorityOf(text, defaultPort);
  if (other.host !== host || other.port !== port) {
    throw new Refusal('destination-mismatch', 'the connection and the request name different hosts');
  }
}

function split(target: string, forms: PathForms): ReturnType<typeof splitTarget> {
  try {
    const { path, query } = splitTarget(target);
    return { path: canonicalPath(path, forms), query };
  } catch (cause) {
    throw new Refusal('path-refused', cause instanceof PathError ? cause.message : 'the path is ambiguous', { cause });
  }
}
