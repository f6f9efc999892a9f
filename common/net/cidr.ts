import { HostError } from './host.ts';
import { readIpAddress } from './ip-address.ts';

/** A range of addresses of one family. */
export interface Cidr {
  readonly address: Uint8Array;
  readonly prefixLength: number;
}

/** `10.0.0.0/8`, `fd00::/8`, or one address; bits beyond the prefix must be zero. Throws HostError. */
export function parseCidr(text: string): Cidr {
  const [addressText = '', prefixText, ...rest] = text.split('/');
  const address = readIpAddress(addressText);
  if (address === undefined || rest.length > 0) throw new HostError(`${JSON.stringify(text)} is not an address range`);
  const bits = address.length * 8;
  if (prefixText !== undefined && !/^(0|[1-9][0-9]{0,2})$/.test(prefixText)) {
    throw new HostError(`${JSON.stringify(text)} has no valid prefix length`);
  }
  const prefixLength = prefixText === undefined ? bits : Number(prefixText);
  if (prefixLength > bits) throw new HostError(`${JSON.stringify(text)} has a prefix longer than its address`);
  for (let bit = prefixLength; bit < bits; bit += 1) {
    if (bitAt(address, bit) !== 0) throw new HostError(`${JSON.stringify(text)} has bits set beyond its prefix`);
  }
  return { address, prefixLength };
}

/** Whether the range holds the address; never across families. */
export function cidrContains(cidr: Cidr, address: Uint8Array): boolean {
  if (cidr.address.length !== address.length) return false;
  const whole = cidr.prefixLength >> 3;
  for (let at = 0; at < whole; at += 1) if (cidr.address[at] !== address[at]) return false;
  const mask = (0xff << (8 - (cidr.prefixLength & 7))) & 0xff;
  return ((cidr.address[whole] ?? 0) & mask) === ((address[whole] ?? 0) & mask);
}

function bitAt(bytes: Uint8Array, bit: number): number {
  return ((bytes[bit >> 3] ?? 0) >> (7 - (bit & 7))) & 1;
}

/** The addresses by which a machine speaks to itself. */
export const LOOPBACK: readonly Cidr[] = [parseCidr('127.0.0.0/8'), parseCidr('::1/128')];
