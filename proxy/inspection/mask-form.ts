import type { Masker } from './secret-masker.ts';

const [EQUALS, AMPERSAND, MASK] = [0x3d, 0x26, 0x2a];
const MAX_NAME_CHARS = 128;

/** `name=value&name=value`. */
export class FormMasker implements Masker {
  readonly #fields: ReadonlySet<string>;
  #name: string | undefined = '';
  #masks = false;

  constructor(fields: ReadonlySet<string>) {
    this.#fields = fields;
  }

  mask(bytes: Buffer): void {
    for (let at = 0; at < bytes.length; at += 1) {
      const byte = bytes[at] ?? 0;
      if (byte === AMPERSAND) {
        this.#name = '';
        this.#masks = false;
      } else if (this.#name === undefined) {
        if (this.#masks) bytes[at] = MASK;
      } else if (byte === EQUALS) {
        this.#masks = this.#fields.has(this.#name.toLowerCase());
        this.#name = undefined;
      } else if (this.#name.length < MAX_NAME_CHARS) this.#name += String.fromCharCode(byte);
    }
  }
}
