import { Refusal } from '../refusal.ts';
import type { Masker } from './secret-masker.ts';

const [QUOTE, BACKSLASH, COLON, COMMA, MASK, ONE] = [0x22, 0x5c, 0x3a, 0x2c, 0x2a, 0x31];
const [OPEN_OBJECT, CLOSE_OBJECT, OPEN_LIST, CLOSE_LIST] = [0x7b, 0x7d, 0x5b, 0x5d];
const MAX_NAME_CHARS = 128;
const MAX_DEPTH = 100;

type State =
  /** Between strings. */
  | 'text'
  /** In a string that may prove to be the name of a field. */
  | 'string'
  /** Behind such a string. */
  | 'after'
  /** Behind the colon of a field that holds a secret. */
  | 'value'
  /** In a key within such a value. */
  | 'key'
  /** In a string that is masked. */
  | 'secret';

/** Values of `"name":` in JSON text, and every value in a list or an object there. Of numbers, digits become "1": they stay numbers. */
export class JsonMasker implements Masker {
  readonly #fields: ReadonlySet<string>;
  #state: State = 'text';
  #token = '';
  #escaped = false;
  /** Open lists and objects of the value that is being masked; in an object, whether a key comes next. */
  #open: { readonly isObject: boolean; expectsKey: boolean }[] = [];

  constructor(fields: ReadonlySet<string>) {
    this.#fields = fields;
  }

  mask(bytes: Buffer): void {
    for (let at = 0; at < bytes.length; at += 1) {
      const byte = bytes[at] ?? 0;
      switch (this.#state) {
        case 'string':
          this.#readString(byte);
          break;
        case 'secret':
          if (this.#endsString(byte)) this.#state = this.#open.length > 0 ? 'value' : 'text';
          else bytes[at] = MASK;
          break;
        case 'key':
          if (this.#endsString(byte)) this.#state = 'value';
          break;
        case 'value':
          this.#readValue(bytes, at, byte);
          break;
        case 'after':
        case 'text':
          this.#readText(byte);
          break;
      }
    }
  }

  #readText(byte: number): void {
    if (byte === QUOTE) {
      this.#state = 'string';
      this.#token = '';
    } else if (this.#state === 'after' && !isSpace(byte)) {
      this.#state = byte === COLON && this.#isSecret() ? 'value' : 'text';
    }
  }

  #readString(byte: number): void {
    if (this.#endsString(byte)) this.#state = 'after';
    else if (this.#token.length < MAX_NAME_CHARS) this.#token += String.fromCharCode(byte);
  }

  #isSecret(): boolean {
    if (!this.#token.includes('\\')) return this.#fields.has(this.#token.toLowerCase());
    try {
      return this.#fields.has(String(JSON.parse(`"${this.#token}"`)).toLowerCase());
    } catch {
      return false;
    }
  }

  #readValue(bytes: Buffer, at: number, byte: number): void {
    const container = this.#open.at(-1);
    if (byte === QUOTE) {
      // Keys inside the value stay, so that the answer keeps its shape.
      this.#state = container?.expectsKey === true ? 'key' : 'secret';
    } else if (byte === OPEN_OBJECT || byte === OPEN_LIST) {
      const isObject = byte === OPEN_OBJECT;
      if (this.#open.push({ isObject, expectsKey: isObject }) > MAX_DEPTH)
        throw new Refusal('answer-refused', 'secrets cannot be masked in the answer: it is nested too deeply');
    } else if (byte === CLOSE_OBJECT || byte === CLOSE_LIST) {
      this.#open.pop();
      if (this.#open.length === 0) this.#state = 'text';
    } else if (byte === COMMA && container !== undefined) container.expectsKey = container.isObject;
    else if (isDigit(byte)) bytes[at] = ONE;
    else if (container === undefined && !isSpace(byte) && !isInNumber(byte)) this.#state = 'text';
    else if (byte === COLON && container !== undefined) container.expectsKey = false;
  }

  /** Whether this byte is the closing quote. */
  #endsString(byte: number): boolean {
    if (this.#escaped) {
      this.#escaped = false;
      return false;
    }
    this.#escaped = byte === BACKSLASH;
    return byte === QUOTE;
  }
}

function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0d;
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

/** `-`, `+`, `.`, `e` and `E`. */
function isInNumber(byte: number): boolean {
  return byte === 0x2d || byte === 0x2b || byte === 0x2e || byte === 0x65 || byte === 0x45;
}
