import { domainToASCII, domainToUnicode } from 'node:url';
import { SidekeyError } from '../errors.ts';
import { formatIpAddress, readIpAddress, unmapped } from './ip-address.ts';

/** A host, port or authority has no single meaning, so it is refused. */
export class HostError extends SidekeyError {
  constructor(message: string) {
    super('host-invalid', message);
  }
}

export interface Authority {
  /** Canonical, as `parseHost` gives it. */
  readonly host: string;
  readonly port: number;
}

const PLAIN_NAME = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*$/;

/**
 * The canonical form of a host: a lower-case name in A-labels without a trailing dot, a dotted IPv4 address, or an
 * IPv6 address in RFC 5952 form without brackets. Brackets are taken on input. An IPv4-mapped IPv6 address becomes its
 * IPv4 address, because that is what a socket dials. Throws HostError on everything that parsers read differently.
 */
export function parseHost(text: string): string {
  if (text.startsWith('[') || text.includes(':')) return parseIpv6Host(text);
  const name = text.endsWith('.') ? text.slice(0, -1) : text;
  if (name.length > 253) throw new HostError('host is too long');
  const ascii = toAscii(name);
  if (ascii.length > 253 || !PLAIN_NAME.test(ascii)) throw new HostError('host is not a valid name');
  // A last label that is a number makes WHATWG URL parsers read the whole name as an IPv4 address.
  if (/(?:^|\.)(?:[0-9]+|0x[0-9a-f]*)$/.test(ascii)) {
    if (readIpAddress(ascii) === undefined || ascii !== text) throw new HostError('host is an ambiguous IPv4 address');
  }
  return ascii;
}

/** `host`, `host:port` or `[IPv6]:port`; without a default port the port must be there (RFC 9112 section 3.2.3). */
export function parseAuthority(text: string, defaultPort?: number): Authority {
  const split = /^(\[[^\]]*\]|[^:[\]]*)(?::(.*))?$/s.exec(text);
  if (split === null) throw new HostError('authority is malformed');
  const port = split[2] === undefined ? defaultPort : parsePort(split[2]);
  if (port === undefined) throw new HostError('authority has no port');
  return { host: parseHost(split[1] ?? ''), port };
}

/** The authority as it stands in a URL or a Host header: IPv6 in brackets, the default port left out. */
export function formatAuthority(host: string, port: number, defaultPort?: number): string {
  const name = host.includes(':') ? `[${host}]` : host;
  return port === defaultPort ? name : `${name}:${port}`;
}

/** Whether a canonical host is an IP address. */
export function isIpAddress(host: string): boolean {
  return readIpAddress(host) !== undefined;
}

function parsePort(text: string): number {
  if (!/^[1-9][0-9]{0,4}$/.test(text) || Number(text) > 65535)
    throw new HostError('port is not a number from 1 to 65535');
  return Number(text);
}

function toAscii(name: string): string {
  const lower = name.toLowerCase();
  if (PLAIN_NAME.test(lower) && !lower.includes('xn--')) return lower;
  // Only letters beyond ASCII may differ between the two forms; ASCII that is no plain name is refused, not mended.
  if (/[^a-zA-Z0-9._\-\u0080-\uffff]/.test(name)) throw new HostError('host has characters that no host may have');
  const ascii = domainToASCII(lower);
  // Node 24 gives back A-labels that decode to nothing, where Node 20 gives nothing.
  if (domainToUnicode(ascii).includes('xn--')) throw new HostError('host is not a valid international name');
  return ascii;
}

function parseIpv6Host(text: string): string {
  const bare = text.startsWith('[') && text.endsWith(']') ? text.slice(1, -1) : text;
  const bytes = bare.includes(':') ? readIpAddress(bare) : undefined;
  if (bytes === undefined) throw new HostError('host is not a valid IPv6 address');
  return formatIpAddress(unmapped(bytes));
}
