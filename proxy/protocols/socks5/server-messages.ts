import { formatIpAddress } from '../../../common/net/ip-address.ts';

/** The client broke RFC 1928 or RFC 1929; nothing that follows could be understood. */
export class Socks5Error extends Error {}

export const VERSION = 5;
/** RFC 1929 section 2: the version of the sub-negotiation, not of SOCKS. */
const PASSWORD_VERSION = 1;

/** RFC 1928 section 3. */
export const METHOD = { none: 0x00, password: 0x02, unacceptable: 0xff } as const;
/** RFC 1928 section 6. */
export const REPLY = {
  succeeded: 0x00,
  failed: 0x01,
  notAllowed: 0x02,
  hostUnreachable: 0x04,
  refused: 0x05,
  commandUnknown: 0x07,
  addressUnknown: 0x08,
} as const;
export type Reply = (typeof REPLY)[keyof typeof REPLY];

/** The longest message is a password message: version, two lengths and twice 255 bytes. */
export const MAX_MESSAGE_BYTES = 3 + 255 + 255;

const ADDRESS = { ipv4: 1, name: 3, ipv6: 4 } as const;
const CONNECT = 1;

/** A message with the number of bytes that it took; undefined stands for "not yet". */
type Reading<T> = (T & { readonly size: number }) | undefined;

export interface Socks5Request {
  readonly connect: boolean;
  /** As it was sent: a name is not checked yet. Undefined for an address type that RFC 1928 does not know. */
  readonly host: { readonly kind: 'name' | 'address'; readonly text: string } | undefined;
  readonly port: number;
}

/** RFC 1928 section 3: version, count, methods. @throws Socks5Error */
export function readGreeting(bytes: Buffer): Reading<{ readonly methods: readonly number[] }> {
  expectByte(bytes, 0, VERSION, 'the greeting is not of SOCKS 5');
  const count = bytes[1];
  if (count === 0) throw new Socks5Error('the greeting offers no method');
  if (count === undefined || bytes.length < 2 + count) return undefined;
  return { methods: [...bytes.subarray(2, 2 + count)], size: 2 + count };
}

/** RFC 1929 section 2: version, user name, password. @throws Socks5Error */
export function readPassword(bytes: Buffer): Reading<{ readonly password: Buffer }> {
  expectByte(bytes, 0, PASSWORD_VERSION, 'the password message has another version than 1');
  const nameLength = bytes[1];
  if (nameLength === undefined) return undefined;
  const at = 2 + nameLength;
  const length = bytes[at];
  if (length === undefined || bytes.length < at + 1 + length) return undefined;
  const size = at + 1 + length;
  return { password: bytes.subarray(at + 1, size), size };
}

/** RFC 1928 sections 4 and 5: version, command, reserved, address type, address, port. @throws Socks5Error */
export function readRequest(bytes: Buffer): Reading<Socks5Request> {
  expectByte(bytes, 0, VERSION, 'the request is not of SOCKS 5');
  expectByte(bytes, 2, 0, 'the reserved byte is not 0');
  const type = bytes[3];
  if (type === undefined) return undefined;
  const connect = bytes[1] === CONNECT;
  // The length of such an address is unknown, so that the request ends here for us.
  if (!isAddressType(type)) return { connect, host: undefined, port: 0, size: 4 };
  const first = bytes[4];
  if (first === undefined) return undefined;
  if (type === ADDRESS.name && first === 0) throw new Socks5Error('the host name is empty');
  const at = type === ADDRESS.name ? 5 : 4;
  const length = type === ADDRESS.name ? first : type === ADDRESS.ipv4 ? 4 : 16;
  if (bytes.length < at + length + 2) return undefined;
  const host = bytes.subarray(at, at + length);
  return {
    connect,
    host:
      type === ADDRESS.name
        ? { kind: 'name', text: host.toString('latin1') }
        : { kind: 'address', text: formatIpAddress(host) },
    port: bytes.readUInt16BE(at + length),
    size: at + length + 2,
  };
}

export function writeMethod(method: number): Buffer {
  return Buffer.from([VERSION, method]);
}

export function writePasswordStatus(accepted: boolean): Buffer {
  return Buffer.from([PASSWORD_VERSION, accepted ? 0 : 1]);
}

/** RFC 1928 section 6. The bound address would tell the agent of our side of the call, so it is always 0.0.0.0:0. */
export function writeReply(reply: Reply): Buffer {
  return Buffer.from([VERSION, reply, 0, ADDRESS.ipv4, 0, 0, 0, 0, 0, 0]);
}

function isAddressType(type: number): boolean {
  return type === ADDRESS.ipv4 || type === ADDRESS.name || type === ADDRESS.ipv6;
}

/** Judged as soon as it shows, so that another protocol does not wait for bytes that never come. */
function expectByte(bytes: Buffer, at: number, value: number, otherwise: string): void {
  if (bytes.length > at && bytes[at] !== value) throw new Socks5Error(otherwise);
}
