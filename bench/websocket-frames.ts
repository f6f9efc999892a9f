import { createHash, randomBytes } from 'node:crypto';

/** As much of WebSocket (RFC 6455) as an echo of small text messages needs, for the load and the upstream. */

/** Section 1.3. */
const MAGIC = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const SERVER_HEAD_BYTES = 2;
const MASKED_HEAD_BYTES = 6;
const FIN_AND_TEXT = 0x81;

/** A client's frame with a message of up to 125 bytes (section 5.2, the short form of the length). */
export function maskedFrame(bytes: number): Buffer {
  const mask = randomBytes(4);
  const message = Buffer.alloc(bytes, 'w').map((byte, index) => byte ^ (mask[index % 4] ?? 0));
  return Buffer.concat([Buffer.from([FIN_AND_TEXT, 0x80 | bytes]), mask, message]);
}

/** The same message as the server sends it: not masked. */
export function echoedFrame(bytes: number): Buffer {
  return Buffer.concat([Buffer.from([FIN_AND_TEXT, bytes]), Buffer.alloc(bytes, 'w')]);
}

/** What the upstream answers to one whole masked frame of up to 125 bytes; undefined until it is whole. */
export function echoOf(bytes: Buffer): { echo: Buffer; rest: Buffer } | undefined {
  const length = (bytes[1] ?? 0) & 0x7f;
  const end = MASKED_HEAD_BYTES + length;
  if (bytes.length < MASKED_HEAD_BYTES || bytes.length < end) return undefined;
  const echo = Buffer.allocUnsafe(SERVER_HEAD_BYTES + length);
  echo[0] = bytes[0] ?? 0;
  echo[1] = length;
  for (let at = 0; at < length; at += 1) {
    echo[SERVER_HEAD_BYTES + at] = (bytes[MASKED_HEAD_BYTES + at] ?? 0) ^ (bytes[2 + (at % 4)] ?? 0);
  }
  return { echo, rest: bytes.subarray(end) };
}

/** Sec-WebSocket-Accept for this key. */
export function acceptOf(key: string): string {
  return createHash('sha1').update(`${key}${MAGIC}`).digest('base64');
}
