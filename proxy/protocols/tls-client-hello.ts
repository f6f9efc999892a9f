/** What the first bytes of a connection say of the TLS that follows (RFC 8446 4.1.2, RFC 6066 3, RFC 7301 3.1). */
export type ClientHelloReading =
  | { readonly kind: 'need-more' }
  | { readonly kind: 'not-tls' }
  | {
      readonly kind: 'hello';
      /** The name in SNI, as sent but in lower case; undefined when there is none. */
      readonly serverName: string | undefined;
      /** Whether it carries an encrypted ClientHello (or GREASE of one), so that the real name may be another. */
      readonly ech: boolean;
    };

/** A handshake message longer than this is no ClientHello of ours; post-quantum key shares take about 2 KB. */
const MAX_HELLO_BYTES = 32_768;
const MAX_RECORD_BYTES = 16_384;
const MAX_RECORDS = 64;
const RECORD_HEADER_BYTES = 5;
const HANDSHAKE = 22;
const CLIENT_HELLO = 1;
const EXTENSION = { serverName: 0, alpn: 16, ech: 0xfe0d } as const;

const NEED_MORE: ClientHelloReading = Object.freeze({ kind: 'need-more' });
const NOT_TLS: ClientHelloReading = Object.freeze({ kind: 'not-tls' });

/** A part of the hello that says something impossible; it never leaves this file. */
class Malformed extends Error {}

/** Reads one hello from the beginning of `bytes`, which may be spread over records (RFC 8446 5.1). Never throws. */
export function readClientHello(bytes: Buffer): ClientHelloReading {
  const message = joinRecords(bytes);
  if (!Buffer.isBuffer(message)) return message;
  try {
    return readBody(new Cursor(message));
  } catch (error) {
    if (error instanceof Malformed) return NOT_TLS;
    throw error;
  }
}

/** The body of the handshake message, without its four bytes of header. */
function joinRecords(bytes: Buffer): Buffer | ClientHelloReading {
  const parts: Buffer[] = [];
  let held = 0;
  let wanted = 4;
  let at = 0;
  for (let records = 0; held < wanted; records += 1) {
    if (records === MAX_RECORDS) return NOT_TLS;
    const header = bytes.subarray(at, at + RECORD_HEADER_BYTES);
    // Judged byte by byte, so that another protocol is known as soon as it shows.
    if (header.length > 0 && header[0] !== HANDSHAKE) return NOT_TLS;
    if (header.length > 1 && header[1] !== 3) return NOT_TLS;
    if (header.length > 2 && (header[2] ?? 0) > 4) return NOT_TLS;
    if (header.length < RECORD_HEADER_BYTES) return NEED_MORE;
    const length = header.readUInt16BE(3);
    if (length === 0 || length > MAX_RECORD_BYTES) return NOT_TLS;
    const fragment = bytes.subarray(at + RECORD_HEADER_BYTES, at + RECORD_HEADER_BYTES + length);
    parts.push(fragment);
    held += fragment.length;
    if ((parts[0]?.[0] ?? CLIENT_HELLO) !== CLIENT_HELLO) return NOT_TLS;
    if (wanted === 4 && held >= 4) wanted = 4 + join(parts).readUIntBE(1, 3);
    if (wanted > MAX_HELLO_BYTES) return NOT_TLS;
    if (held < wanted && fragment.length < length) return NEED_MORE;
    at += RECORD_HEADER_BYTES + length;
  }
  return join(parts).subarray(4, wanted);
}

/** Nearly every hello is in one record, and is not copied. */
function join(parts: readonly Buffer[]): Buffer {
  const [first] = parts;
  return first !== undefined && parts.length === 1 ? first : Buffer.concat(parts);
}

function readBody(hello: Cursor): ClientHelloReading {
  hello.skip(2 + 32); // legacy_version, random
  hello.vector(1); // legacy_session_id
  if (hello.vector(2).left === 0) throw new Malformed(); // cipher_suites
  hello.vector(1); // legacy_compression_methods
  let serverName: string | undefined;
  let ech = false;
  const seen = new Set<number>();
  const extensions = hello.left === 0 ? undefined : hello.vector(2);
  if (hello.left > 0) throw new Malformed();
  while (extensions !== undefined && extensions.left > 0) {
    const type = extensions.uint(2);
    const content = extensions.vector(2);
    // RFC 8446 4.2: no extension twice. Two names would let two readers see two destinations.
    if (seen.has(type)) throw new Malformed();
    seen.add(type);
    if (type === EXTENSION.serverName) serverName = readServerName(content);
    else if (type === EXTENSION.alpn) checkProtocols(content);
    else if (type === EXTENSION.ech) ech = true;
  }
  return { kind: 'hello', serverName, ech };
}

/** RFC 6066 3: one host name, in ASCII, without a trailing dot, and no address. */
function readServerName(content: Cursor): string {
  const list = content.vector(2);
  const type = list.uint(1);
  const name = list.vector(2).text();
  if (type !== 0 || list.left > 0 || content.left > 0) throw new Malformed();
  if (!/^[0-9A-Za-z._-]{1,253}$/.test(name)) throw new Malformed();
  return name.toLowerCase();
}

/** RFC 7301 3.1. Whoever ends TLS reads them; here they only show whether this is a hello at all. */
function checkProtocols(content: Cursor): void {
  const list = content.vector(2);
  if (list.left === 0 || content.left > 0) throw new Malformed();
  while (list.left > 0) {
    if (list.vector(1).left === 0) throw new Malformed();
  }
}

/** A reader that ends where its part of the bytes ends. */
class Cursor {
  readonly #bytes: Buffer;
  readonly #end: number;
  #at: number;

  constructor(bytes: Buffer, start = 0, end = bytes.length) {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
  }

  get left(): number {
    return this.#end - this.#at;
  }

  skip(count: number): void {
    if (count > this.left) throw new Malformed();
    this.#at += count;
  }

  uint(size: 1 | 2): number {
    const at = this.#at;
    this.skip(size);
    return this.#bytes.readUIntBE(at, size);
  }

  /** The bytes after a length of `size` bytes. */
  vector(size: 1 | 2): Cursor {
    const length = this.uint(size);
    const at = this.#at;
    this.skip(length);
    return new Cursor(this.#bytes, at, at + length);
  }

  text(): string {
    return this.#bytes.toString('latin1', this.#at, this.#end);
  }
}
