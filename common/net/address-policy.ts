import { cidrContains, parseCidr, type Cidr } from './cidr.ts';
import { readIpAddress } from './ip-address.ts';

export type AddressVerdict = { readonly allowed: true } | { readonly allowed: false; readonly range: string };

/**
 * Addresses that no upstream may have unless its server workload says so, from the IANA special-purpose registries
 * (RFC 6890). The first entry that holds an address names it, so narrow ranges stand before wide ones.
 */
const REFUSED: readonly (readonly [cidr: string, range: string])[] = [
  ['0.0.0.0/8', 'this-network'],
  ['10.0.0.0/8', 'private'],
  ['100.64.0.0/10', 'carrier-grade-nat'],
  ['127.0.0.0/8', 'loopback'],
  ['169.254.0.0/16', 'link-local'],
  ['172.16.0.0/12', 'private'],
  ['192.0.0.0/24', 'ietf-protocol'],
  ['192.0.2.0/24', 'documentation'],
  ['192.31.196.0/24', 'as112'],
  ['192.52.193.0/24', 'amt'],
  ['192.88.99.0/24', '6to4-relay'],
  ['192.168.0.0/16', 'private'],
  ['192.175.48.0/24', 'as112'],
  ['198.18.0.0/15', 'benchmarking'],
  ['198.51.100.0/24', 'documentation'],
  ['203.0.113.0/24', 'documentation'],
  ['224.0.0.0/4', 'multicast'],
  ['255.255.255.255/32', 'broadcast'],
  ['240.0.0.0/4', 'reserved'],
  ['::/128', 'unspecified'],
  ['::1/128', 'loopback'],
  ['::/96', 'ipv4-compatible'],
  ['::ffff:0:0/96', 'ipv4-mapped'],
  ['::ffff:0:0:0/96', 'ipv4-translated'],
  ['64:ff9b::/96', 'nat64'],
  ['64:ff9b:1::/48', 'nat64-local'],
  ['100::/64', 'discard'],
  ['2001::/32', 'teredo'],
  ['2001::/23', 'ietf-protocol'],
  ['2001:db8::/32', 'documentation'],
  ['2002::/16', '6to4'],
  ['2620:4f:8000::/48', 'as112'],
  ['3fff::/20', 'documentation'],
  ['fc00::/7', 'unique-local'],
  ['fe80::/10', 'link-local'],
  ['fec0::/10', 'site-local'],
  ['ff00::/8', 'multicast'],
];

/** Places where clouds hand out credentials; a range never opens them, only the exact address does. */
const METADATA = new Set(
  [
    '169.254.169.254', // AWS, Azure, Google, DigitalOcean, OpenStack, ...
    '169.254.170.2', // AWS ECS task credentials
    '169.254.170.23', // AWS EKS Pod Identity
    '169.254.0.23', // Tencent
    '169.254.42.42', // Scaleway
    '100.100.100.200', // Alibaba
    '168.63.129.16', // Azure WireServer, in public space
    '192.0.0.192', // Oracle
    'fd00:ec2::254', // AWS
    'fd00:ec2::23', // AWS EKS Pod Identity
    'fd20:ce::254', // Google
  ].map((text) => keyOf(readIpAddress(text) ?? new Uint8Array())),
);

const GLOBAL_IPV6 = parseCidr('2000::/3');
const REFUSED_RANGES = REFUSED.map(([text, range]) => ({ cidr: parseCidr(text), range }));

/** Ranges of IPv6 that carry an IPv4 address, and where it stands. */
const EMBEDDED: readonly { readonly cidr: Cidr; readonly at: number; readonly inverted: boolean }[] = [
  { cidr: parseCidr('::/96'), at: 12, inverted: false },
  { cidr: parseCidr('::ffff:0:0/96'), at: 12, inverted: false },
  { cidr: parseCidr('::ffff:0:0:0/96'), at: 12, inverted: false },
  { cidr: parseCidr('64:ff9b::/96'), at: 12, inverted: false },
  { cidr: parseCidr('64:ff9b:1::/48'), at: 12, inverted: false },
  { cidr: parseCidr('2002::/16'), at: 2, inverted: false },
  { cidr: parseCidr('2001::/32'), at: 12, inverted: true }, // RFC 4380 section 4: the client's address is inverted
];

/**
 * Whether an upstream may be dialled at this address (attacks ). `allowedCidrs` are the exceptions of the
 * server workload; a metadata address needs an exception for exactly itself. Text that is no address is refused.
 */
export function checkAddress(ip: string, allowedCidrs: readonly Cidr[] = []): AddressVerdict {
  const address = readIpAddress(ip);
  if (address === undefined) return { allowed: false, range: 'not-an-address' };
  const range = refusedRange(address);
  if (range === undefined) return { allowed: true };
  const exact = range === 'metadata';
  const excepted = allowedCidrs.some(
    (cidr) => cidrContains(cidr, address) && (!exact || cidr.prefixLength === address.length * 8),
  );
  return excepted ? { allowed: true } : { allowed: false, range };
}

function refusedRange(address: Uint8Array): string | undefined {
  if (isMetadata(address)) return 'metadata';
  const found = REFUSED_RANGES.find(({ cidr }) => cidrContains(cidr, address));
  if (found !== undefined) return found.range;
  return address.length === 16 && !cidrContains(GLOBAL_IPV6, address) ? 'not-global' : undefined;
}

function isMetadata(address: Uint8Array): boolean {
  if (METADATA.has(keyOf(address))) return true;
  return EMBEDDED.some(({ cidr, at, inverted }) => {
    if (!cidrContains(cidr, address)) return false;
    const embedded = address.slice(at, at + 4).map((byte) => (inverted ? byte ^ 0xff : byte));
    return METADATA.has(keyOf(embedded));
  });
}

function keyOf(address: Uint8Array): string {
  return Buffer.from(address).toString('hex');
}
