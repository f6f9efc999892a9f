import { lookup } from 'node:dns/promises';
import { networkInterfaces } from 'node:os';
import { BoundedCache } from '../../../common/bounded-cache.ts';
import { within } from '../../../common/deadline.ts';
import { checkAddress } from '../../../common/net/address-policy.ts';
import type { Cidr } from '../../../common/net/cidr.ts';
import { formatIpAddress, readIpAddress, unmapped } from '../../../common/net/ip-address.ts';
import { Refusal } from '../../refusal.ts';
import { outOfFiles } from '../open-files.ts';
import type { Authority } from '../../../common/net/host.ts';

export interface ResolvedAddress {
  readonly address: string;
  readonly family: 4 | 6;
}

export interface ResolverOptions {
  /** How long a name's addresses are kept; they are checked again at every use. */
  readonly cacheTtlMs?: number;
  readonly timeoutMs?: number;
  /** A clock that nobody sets; default `performance.now`. */
  readonly monotonicMs?: () => number;
  readonly lookup?: (host: string) => Promise<readonly { address: string; family: number }[]>;
}

export interface AddressResolver {
  /**
   * All addresses of a canonical host, every one of them allowed: one bad address refuses the host, because which one
   * is dialled must not depend on luck. Messages name no address, so that they do not map an inner network.
   *
   * @throws Refusal `dns-failed`, `address-refused` or `loop-refused`
   */
  resolve(host: string, port: number, allowed: readonly Cidr[]): Promise<ResolvedAddress[]>;
  /** Looks at the name or address alone, for hosts that somebody else resolves. @throws Refusal `loop-refused` */
  refuseOwn(host: string, port: number): void;
  /** Refuses our listeners and the control plane as upstreams from now on, by name and by address. */
  refuse(endpoints: readonly Authority[]): void;
}

interface CachedName {
  readonly addresses: readonly ResolvedAddress[];
  readonly expiresAt: number;
}

const MAX_ADDRESSES = 64;
const MAX_NAMES = 1_024;

/** Resolves names for dialling; nothing else in the proxy asks DNS, and sockets are given addresses alone. */
export function createResolver(options: ResolverOptions = {}): AddressResolver {
  const { cacheTtlMs = 5_000, timeoutMs = 5_000, monotonicMs = () => performance.now() } = options;
  const ask = options.lookup ?? ((host: string) => lookup(host, { all: true, order: 'verbatim' }));
  const cached = new BoundedCache<string, CachedName>(MAX_NAMES);
  const underWay = new Map<string, Promise<readonly ResolvedAddress[]>>();
  const ours = new OwnEndpoints();

  async function addressesOf(host: string): Promise<readonly ResolvedAddress[]> {
    const known = cached.get(host);
    if (known !== undefined && known.expiresAt > monotonicMs()) return known.addresses;
    const asked = underWay.get(host);
    if (asked !== undefined) return asked;
    const asking = inTime(ask(host), timeoutMs)
      .then((found) => canonicalAddresses(found))
      .finally(() => underWay.delete(host));
    underWay.set(host, asking);
    const addresses = await asking;
    cached.set(host, { addresses, expiresAt: monotonicMs() + cacheTtlMs });
    return addresses;
  }

  return {
    async resolve(host, port, allowed) {
      if (ours.include(host, port)) throw loopRefused();
      const literal = readIpAddress(host);
      const addresses = literal === undefined ? await addressesOf(host) : [resolvedAddress(literal)];
      for (const { address } of addresses) {
        if (ours.include(address, port)) throw loopRefused();
        const verdict = checkAddress(address, allowed);
        if (!verdict.allowed) {
          throw new Refusal('address-refused', `the host has an address that is refused (${verdict.range})`);
        }
      }
      return [...addresses];
    },
    refuseOwn(host, port) {
      if (ours.include(host, port)) throw loopRefused();
    },
    refuse(endpoints) {
      for (const { host, port } of endpoints) {
        ours.add(host, port);
        if (readIpAddress(host) !== undefined) continue;
        // Best effort: without an address yet, the name alone is refused.
        addressesOf(host).then(
          (addresses) => addresses.forEach(({ address }) => ours.add(address, port)),
          () => undefined,
        );
      }
    },
  };
}

/** Endpoints that are Sidekey's, as `host port`. */
class OwnEndpoints {
  readonly #endpoints = new Set<string>();

  add(host: string, port: number): void {
    const bytes = readIpAddress(host);
    const plain = bytes === undefined ? host : resolvedAddress(bytes).address;
    this.#endpoints.add(`${plain} ${port}`);
    if (isUnspecified(plain)) for (const address of addressesOfThisMachine()) this.#endpoints.add(`${address} ${port}`);
  }

  include(host: string, port: number): boolean {
    if (this.#endpoints.has(`${host} ${port}`)) return true;
    // Dialling the unspecified address reaches loopback, and all of 127/8 reaches a listener on every address.
    if (isUnspecified(host)) return this.#endpoints.has(`127.0.0.1 ${port}`) || this.#endpoints.has(`::1 ${port}`);
    return /^127\.[0-9.]+$/.test(host) && this.#endpoints.has(`0.0.0.0 ${port}`);
  }
}

function isUnspecified(address: string): boolean {
  return address === '0.0.0.0' || address === '::';
}

function addressesOfThisMachine(): string[] {
  const found = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  const bytes = found.map(({ address }) => readIpAddress(address)).filter((address) => address !== undefined);
  return ['127.0.0.1', '::1', '0.0.0.0', '::', ...bytes.map((address) => formatIpAddress(address))];
}

function loopRefused(): Refusal {
  return new Refusal('loop-refused', 'the call would reach Sidekey itself');
}

function canonicalAddresses(found: readonly { address: string }[]): readonly ResolvedAddress[] {
  const addresses = new Map<string, ResolvedAddress>();
  for (const { address } of found) {
    // A zone (`fe80::1%eth0`) is no plain address, and no address to dial.
    const bytes = readIpAddress(address);
    if (bytes === undefined) throw new Refusal('address-refused', 'the host has an address that is refused');
    const resolved = resolvedAddress(bytes);
    addresses.set(resolved.address, resolved);
  }
  if (addresses.size === 0) throw new Refusal('dns-failed', 'the host name has no address');
  if (addresses.size > MAX_ADDRESSES) throw new Refusal('dns-failed', 'the host name has too many addresses');
  return inTurns([...addresses.values()]);
}

/**
 * The families take turns, the preferred one first (RFC 8305 4): a host of many addresses would else not be reached where
 * one family leads nowhere, since only the first few are dialled.
 */
function inTurns(addresses: readonly ResolvedAddress[]): ResolvedAddress[] {
  const preferred = addresses.filter(({ family }) => family === addresses[0]?.family);
  const others = addresses.filter(({ family }) => family !== addresses[0]?.family);
  const turns = preferred.flatMap((address, at) => [address, ...others.slice(at, at + 1)]);
  return [...turns, ...others.slice(preferred.length)];
}

function resolvedAddress(bytes: Uint8Array): ResolvedAddress {
  const plain = unmapped(bytes);
  return { address: formatIpAddress(plain), family: plain.length === 4 ? 4 : 6 };
}

function inTime<T>(asking: Promise<T>, timeoutMs: number): Promise<T> {
  const answered = asking.catch((cause: unknown) => {
    throw outOfFiles(cause) ?? new Refusal('dns-failed', 'the host name could not be resolved', { cause });
  });
  return within(answered, timeoutMs, () => {
    throw new Refusal('dns-failed', 'the host name was not resolved in time');
  });
}
