/** Opcodes of RFC 6455 section 5.2; all others are reserved. */
export const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

export const MAX_CONTROL_BYTES = 125;
export const MAX_HEADER_BYTES = 14;

export interface FrameHeader {
  readonly fin: boolean;
  /** The message is compressed (RFC 7692 section 6); on its first frame only. */
  readonly rsv1: boolean;
  readonly opcode: number;
}

/** How long the header of such a frame is. */
export function headerLength(payloadLength: number, masked: boolean): number {
  const extended = payloadLength < 126 ? 0 : payloadLength < 65_536 ? 2 : 8;
  return 2 + extended + (masked ? 4 : 0);
}

/** Writes a header with the shortest length encoding at `at`; returns where the payload begins. */
export function writeHeader(
  into: Buffer,
  at: number,
  { fin, rsv1, opcode }: FrameHeader,
  payloadLength: number,
  maskingKey: number | undefined,
): number {
  const maskBit = maskingKey === undefined ? 0 : 0x80;
  into[at] = (fin ? 0x80 : 0) | (rsv1 ? 0x40 : 0) | opcode;
  let next = at + 2;
  if (payloadLength < 126) {
    into[at + 1] = maskBit | payloadLength;
  } else if (payloadLength < 65_536) {
    into[at + 1] = maskBit | 126;
    next = into.writeUInt16BE(payloadLength, next);
  } else {
    into[at + 1] = maskBit | 127;
    next = into.writeUInt32BE(Math.floor(payloadLength / 0x1_0000_0000), next);
    next = into.writeUInt32BE(payloadLength % 0x1_0000_0000, next);
  }
  return maskingKey === undefined ? next : into.writeUInt32BE(maskingKey, next);
}

/** Masks or unmasks bytes[start, end) in place; `offset` bytes of the payload came before (RFC 6455 section 5.3). */
export function maskBytes(bytes: Buffer, start: number, end: number, key: number, offset: number): void {
  const a = (key >>> (24 - 8 * (offset & 3))) & 0xff;
  const b = (key >>> (24 - 8 * ((offset + 1) & 3))) & 0xff;
  const c = (key >>> (24 - 8 * ((offset + 2) & 3))) & 0xff;
  const d = (key >>> (24 - 8 * ((offset + 3) & 3))) & 0xff;
  let at = start;
  for (; at + 4 <= end; at += 4) {
    bytes[at] = (bytes[at] as number) ^ a;
    bytes[at + 1] = (bytes[at + 1] as number) ^ b;
    bytes[at + 2] = (bytes[at + 2] as number) ^ c;
    bytes[at + 3] = (bytes[at + 3] as number) ^ d;
  }
  if (at < end) bytes[at] = (bytes[at] as number) ^ a;
  if (at + 1 < end) bytes[at + 1] = (bytes[at + 1] as number) ^ b;
  if (at + 2 < end) bytes[at + 2] = (bytes[at + 2] as number) ^ c;
}
