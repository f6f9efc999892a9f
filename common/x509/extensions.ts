import { HostError } from '../net/host.ts';
import { readIpAddress } from '../net/ip-address.ts';
import { bitString, boolean, context, octetString, sequence, unsignedInteger } from './der.ts';
import { OID } from './oids.ts';

/**
 * What the names under a certificate authority may be. An empty list shuts its type; names of other types (mail, URI) stay
 * open, and prove no server's identity to anyone.
 */
export interface NameConstraints {
  /** Names; each covers itself and everything below it (RFC 5280 section 4.2.1.10). */
  readonly dns: readonly string[];
  /** Single addresses. */
  readonly ips: readonly string[];
}

/** GeneralName tags (RFC 5280 section 4.2.1.6). */
const GENERAL_NAME = { dns: 2, ip: 7 } as const;
/** Stands in for "no DNS name at all": an empty list would leave DNS names unconstrained. RFC 6761 section 6.4. */
const NO_DNS_NAME = 'sidekey.invalid';

export function basicConstraints(isCa: boolean, pathLength: number | undefined): Buffer {
  if (!isCa) return extension(OID.basicConstraints, true, sequence());
  const length = pathLength === undefined ? [] : [unsignedInteger(Uint8Array.of(pathLength))];
  return extension(OID.basicConstraints, true, sequence(boolean(true), ...length));
}

/** keyCertSign and cRLSign for an authority, digitalSignature for a leaf (section 4.2.1.3). */
export function keyUsage(isCa: boolean): Buffer {
  const bits = isCa ? bitString(Uint8Array.of(0x06), 1) : bitString(Uint8Array.of(0x80), 7);
  return extension(OID.keyUsage, true, bits);
}

export function extendedKeyUsage(usages: readonly ('serverAuth' | 'clientAuth')[]): Buffer {
  return extension(OID.extendedKeyUsage, false, sequence(...usages.map((usage) => OID[usage])));
}

export function subjectKeyIdentifier(keyId: Uint8Array): Buffer {
  return extension(OID.subjectKeyIdentifier, false, octetString(keyId));
}

export function authorityKeyIdentifier(keyId: Uint8Array): Buffer {
  return extension(OID.authorityKeyIdentifier, false, sequence(context(0, false, keyId)));
}

export function subjectAltName(dnsNames: readonly string[], ipAddresses: readonly string[]): Buffer {
  const names = [
    ...dnsNames.map((name) => context(GENERAL_NAME.dns, false, asciiName(name))),
    ...ipAddresses.map((ip) => context(GENERAL_NAME.ip, false, ipBytes(ip))),
  ];
  return extension(OID.subjectAltName, false, sequence(...names));
}

/** Critical, as section 4.2.1.10 demands. */
export function nameConstraints({ dns, ips }: NameConstraints): Buffer {
  const subtree = (tag: number, bytes: Uint8Array) => sequence(context(tag, false, bytes));
  const permittedDns = (dns.length > 0 ? dns : [NO_DNS_NAME]).map((name) => subtree(GENERAL_NAME.dns, asciiName(name)));
  const permittedIps = ips.map((ip) => {
    const address = ipBytes(ip);
    return subtree(GENERAL_NAME.ip, Buffer.concat([address, Buffer.alloc(address.length, 0xff)]));
  });
  const permitted = context(0, true, ...permittedDns, ...permittedIps);
  if (ips.length > 0) return extension(OID.nameConstraints, true, sequence(permitted));
  // An iPAddress range is its address and mask: all zero is every address of the family.
  const noIps = [8, 32].map((length) => subtree(GENERAL_NAME.ip, Buffer.alloc(length)));
  return extension(OID.nameConstraints, true, sequence(permitted, context(1, true, ...noIps)));
}

function extension(id: Buffer, critical: boolean, value: Buffer): Buffer {
  return critical ? sequence(id, boolean(true), octetString(value)) : sequence(id, octetString(value));
}

function asciiName(name: string): Buffer {
  if (!/^[a-z0-9*_.-]{1,253}$/.test(name)) throw new HostError('a certificate name is not a canonical host');
  return Buffer.from(name, 'latin1');
}

function ipBytes(ip: string): Uint8Array {
  const bytes = readIpAddress(ip);
  if (bytes === undefined) throw new HostError('a certificate address is not an IP address');
  return bytes;
}
