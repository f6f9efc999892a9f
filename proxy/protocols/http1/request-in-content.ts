import { HTAB, SP, TOKEN } from './characters.ts';

/** How a request line of HTTP/1 ends (RFC 9112 3), as servers are known to take it. */
const VERSIONS: readonly Buffer[] = ['HTTP/', 'http/'].map((text) => Buffer.from(text));
/** Of a version: letters that are rare in text, so that the native search seldom stops. */
const ENDS: readonly Buffer[] = ['P/', 'p/'].map((text) => Buffer.from(text));
const OVERLAP = 4;
/** No server has a method that is longer. */
const MAX_METHOD_BYTES = 64;

/** Methods of whose content servers know nothing (RFC 9110 9.3.1, 9.3.2, 9.3.5), so that some never look for it. */
const WITHOUT_CONTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'DELETE']);

const NOTHING: Buffer = Buffer.alloc(0);

/**
 * Tells whether the content of a request could be a request: a server that answers without reading content takes what is left of
 * it for what comes next on the connection, and puts the next head behind it.
 */
export class RequestInContent {
  #found: boolean;
  #opening: 'blank' | 'token' | 'other' = 'blank';
  #tokenBytes = 0;
  #tail: Buffer = NOTHING;

  constructor(method: string) {
    this.#found = WITHOUT_CONTENT.has(method);
  }

  get found(): boolean {
    return this.#found || this.#opening === 'token';
  }

  /** The next bytes of the content; lent until this returns. */
  read(bytes: Buffer): void {
    if (this.#found) return;
    if (this.#opening !== 'other') this.#readOpening(bytes);
    this.#found ||= holdsVersion(bytes) || this.#holdsVersionAcross(bytes);
    const last = bytes.length < OVERLAP ? Buffer.concat([this.#tail, bytes]) : bytes;
    this.#tail = this.#found ? NOTHING : Buffer.from(last.subarray(-OVERLAP));
  }

  #holdsVersionAcross(bytes: Buffer): boolean {
    return this.#tail.length > 0 && holdsVersion(Buffer.concat([this.#tail, bytes.subarray(0, OVERLAP)]));
  }

  /** A method and a blank behind it, empty lines and blanks ahead of them. */
  #readOpening(bytes: Buffer): void {
    for (const byte of bytes) {
      if (TOKEN[byte] === 1) {
        this.#tokenBytes += 1;
        this.#opening = this.#tokenBytes > MAX_METHOD_BYTES ? 'other' : 'token';
        if (this.#opening === 'other') return;
      } else if (this.#opening === 'token') {
        this.#found = byte === SP || byte === HTAB;
        this.#opening = 'other';
        return;
      } else if (!isBlank(byte)) {
        this.#opening = 'other';
        return;
      }
    }
  }
}

function holdsVersion(bytes: Buffer): boolean {
  return VERSIONS.some((version, at) => bytes.includes(ENDS[at] as Buffer) && bytes.includes(version));
}

/** What servers skip ahead of a request line, or cut off it: CR, LF and other white space. */
function isBlank(byte: number): boolean {
  return byte === SP || (byte >= HTAB && byte <= 0x0d);
}
