import type { Masker } from './secret-masker.ts';

const [LESS, GREATER, SLASH, MASK] = [0x3c, 0x3e, 0x2f, 0x2a];
const [QUOTE, APOSTROPHE, BRACKET] = [0x22, 0x27, 0x5d];
const MAX_TAG_CHARS = 128;
const CDATA = '![CDATA[';

/** Text of `<Name>`, with any namespace prefix, up to the next tag, CDATA sections too; and values of attributes of such a name. */
export class XmlMasker implements Masker {
  readonly #fields: ReadonlySet<string>;
  #state: 'text' | 'tag' | 'attribute' | 'secret' | 'cdata' = 'text';
  /** The beginning of the tag. */
  #tag = '';
  /** What of the tag stands behind its last attribute. */
  #attribute = '';
  /** The byte before, in a tag. */
  #last = 0;
  /** Around the value of an attribute. */
  #quote = 0;
  #masksAttribute = false;
  /** The element around holds a secret. */
  #inSecret = false;
  #brackets = 0;

  constructor(fields: ReadonlySet<string>) {
    this.#fields = fields;
  }

  mask(bytes: Buffer): void {
    for (let at = 0; at < bytes.length; at += 1) {
      const byte = bytes[at] ?? 0;
      if (this.#state === 'cdata') this.#maskSection(bytes, at, byte);
      // No tag has it, nor the value of an attribute (XML 1.0 section 3.1): nothing that is not closed hides the next tag.
      else if (byte === LESS) {
        this.#state = 'tag';
        this.#tag = '';
        this.#attribute = '';
      } else if (this.#state === 'tag') this.#readTag(byte);
      else if (this.#state === 'attribute') {
        if (byte === this.#quote) this.#state = 'tag';
        else if (this.#masksAttribute) bytes[at] = MASK;
      } else if (this.#state === 'secret') bytes[at] = MASK;
    }
  }

  #readTag(byte: number): void {
    if (byte === GREATER) this.#endTag();
    else if (byte === QUOTE || byte === APOSTROPHE) {
      this.#state = 'attribute';
      this.#quote = byte;
      this.#masksAttribute = this.#holdsSecret(/([\w.-]+)\s*=\s*$/.exec(this.#attribute)?.[1]);
      this.#attribute = '';
    } else {
      this.#last = byte;
      const char = String.fromCharCode(byte);
      this.#attribute = (this.#attribute + char).slice(-MAX_TAG_CHARS);
      if (this.#tag.length === MAX_TAG_CHARS) return;
      this.#tag += char;
      if (this.#tag === CDATA && this.#inSecret) {
        this.#state = 'cdata';
        this.#brackets = 0;
      }
    }
  }

  #endTag(): void {
    const name = /^(?:[\w.-]+:)?([\w.-]+)(?:\s[^]*|\/)?$/.exec(this.#tag)?.[1];
    this.#inSecret = this.#last !== SLASH && this.#holdsSecret(name);
    this.#state = this.#inSecret ? 'secret' : 'text';
  }

  #holdsSecret(name: string | undefined): boolean {
    return name !== undefined && this.#fields.has(name.toLowerCase());
  }

  /** Ends with `]]>`, of which nothing is masked; what follows is still the secret's. */
  #maskSection(bytes: Buffer, at: number, byte: number): void {
    if (byte === GREATER && this.#brackets >= 2) {
      this.#state = 'secret';
      return;
    }
    this.#brackets = byte === BRACKET ? this.#brackets + 1 : 0;
    if (byte !== BRACKET) bytes[at] = MASK;
  }
}
