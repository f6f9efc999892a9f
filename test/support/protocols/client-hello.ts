/** Greetings of TLS by hand, so that tests can send what no client with a conscience would. */

export function record(fragment: Buffer): Buffer {
  const header = Buffer.from([22, 3, 1, 0, 0]);
  header.writeUInt16BE(fragment.length, 3);
  return Buffer.concat([header, fragment]);
}

export function vector(size: number, ...parts: Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  const length = Buffer.alloc(size);
  length.writeUIntBE(body.length, 0, size);
  return Buffer.concat([length, body]);
}

export function extension(type: number, ...content: Buffer[]): Buffer {
  return Buffer.concat([Buffer.from([type >> 8, type & 255]), vector(2, ...content)]);
}

/** RFC 6066 section 3. */
export function sni(name: string, type = 0): Buffer {
  return extension(0, vector(2, Buffer.from([type]), vector(2, Buffer.from(name, 'latin1'))));
}

/** A ClientHello (RFC 8446 4.1.2) with these extensions, as one handshake message. */
export function hello(...extensions: Buffer[]): Buffer {
  const start = Buffer.concat([Buffer.from([3, 3]), Buffer.alloc(32, 7), vector(1), vector(2, Buffer.from([0x13, 1]))]);
  return Buffer.concat([Buffer.from([1]), vector(3, start, vector(1, Buffer.from([0])), vector(2, ...extensions))]);
}

/** An encrypted ClientHello (RFC 9849); what is in it does not matter. */
export const ECH = extension(0xfe0d, Buffer.from([0]));
