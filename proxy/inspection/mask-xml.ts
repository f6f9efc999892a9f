import type { Masker } from './secret-masker.ts';

const [LESS, GREATER, MASK] = [0x3c, 0x3e, 0x2a];
const MAX_TAG_CHARS = 128;
const CDATA = '![CDATA[';

/** Text of `<Name>`, with any namespace prefix, up to the next tag; CDATA sections too. */
export class XmlMasker implements Masker {
  readonly #fields: ReadonlySet<string>;
  #state: 'text' | 'tag' | 'secret' | 'cdata' = 'text';
  #tag = '';
  /** The element around holds a secret. */
  #inSecret = false;
  #brackets = 0;

  constructor(fields: ReadonlySet<string>) {
    this.#fields = fields;
  }

  mask(bytes: Buffer): void {
    for (let at = 0; at < bytes.length; at += 1) {
      const byte = bytes[at] ?? 0;
      if (this.#state === 'tag') this.#readTag(byte);
      else if (this.#state === 'cdata') this.#maskSection(bytes, at, byte);
      else if (byte === LESS) {
        this.#state = 'tag';
        this.#tag = '';
      } else if (this.#state === 'secret') bytes[at] = MASK;
    }
  }

  #readTag(byte: number): void {
    if (byte === GREATER) {
      const name = /^(?:[\w.-]+:)?([\w.-]+)(?:\s[^]*)?$/.exec(this.#tag)?.[1];
      this.#inSecret = name !== undefined && !this.#tag.endsWith('/') && this.#fields.has(name);
      this.#state = this.#inSecret ? 'secret' : 'text';
    } else if (this.#tag.length < MAX_TAG_CHARS) {
      this.#tag += String.fromCharCode(byte);
      if (this.#tag === CDATA && this.#inSecret) {
        this.#state = 'cdata';
        this.#brackets = 0;
      }
    }
  }

  /** Ends with `]]>`, which is masked but for its last character; what follows is still the secret's. */
  #maskSection(bytes: Buffer, at: number, byte: number): void {
    if (byte === GREATER && this.#brackets >= 2) {
      this.#state = 'secret';
      return;
    }
    this.#brackets = byte === 0x5d ? this.#brackets + 1 : 0;
    if (byte !== 0x5d) bytes[at] = MASK;
  }
}
