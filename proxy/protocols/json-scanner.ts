/** What a byte did, for those who follow a document by its structure. */
export const JSON_EVENT = { none: 0, open: 1, close: 2, scalar: 3, key: 4, keyEnd: 5 } as const;
export type JsonEvent = (typeof JSON_EVENT)[keyof typeof JSON_EVENT];

/** The document is not JSON (RFC 8259), or is nested too deeply. */
export class JsonFault extends Error {}

const MAX_DEPTH = 128;
const OBJECT = 1;
const ARRAY = 2;

/** What may come next. Numbers have states of their own, since nothing but what follows ends them. */
const STATE = {
  value: 0,
  firstElement: 1,
  firstKey: 2,
  key: 3,
  colon: 4,
  afterValue: 5,
  string: 6,
  escape: 7,
  unicode: 8,
  literal: 9,
  minus: 10,
  zero: 11,
  integer: 12,
  point: 13,
  fraction: 14,
  exponent: 15,
  exponentSign: 16,
  exponentDigits: 17,
} as const;

const LITERALS: Readonly<Record<number, string>> = { 0x74: 'rue', 0x66: 'alse', 0x6e: 'ull' };

/** Checks JSON byte by byte, in memory that does not grow, and tells where its parts begin and end. */
export class JsonScanner {
  readonly #containers = new Uint8Array(MAX_DEPTH);
  #depth = 0;
  #state: number = STATE.value;
  #stringIsKey = false;
  #hexDigits = 0;
  #literal = '';

  /** Containers that are open. */
  get depth(): number {
    return this.#depth;
  }

  get isInNumber(): boolean {
    return this.#state >= STATE.minus;
  }

  /** Within a string, where any byte but a quote, a backslash and a control character is just a part of it. */
  get isInString(): boolean {
    return this.#state === STATE.string;
  }

  /** A value is complete, and nothing has come behind it but white space. */
  get isAfterValue(): boolean {
    return this.#state === STATE.afterValue;
  }

  /** @throws JsonFault */
  step(byte: number): JsonEvent {
    switch (this.#state) {
      case STATE.string:
        return this.#inString(byte);
      case STATE.escape:
        if (byte === 0x75) this.#hexDigits = 0;
        else if (!ESCAPED.has(byte)) throw new JsonFault('a string has an unknown escape');
        this.#state = byte === 0x75 ? STATE.unicode : STATE.string;
        return JSON_EVENT.none;
      case STATE.unicode:
        if (!isHexDigit(byte)) throw new JsonFault('a string has a malformed escape');
        this.#hexDigits += 1;
        if (this.#hexDigits === 4) this.#state = STATE.string;
        return JSON_EVENT.none;
      case STATE.literal:
        if (byte !== this.#literal.charCodeAt(0)) throw new JsonFault('a literal is unknown');
        this.#literal = this.#literal.slice(1);
        if (this.#literal === '') this.#state = STATE.afterValue;
        return JSON_EVENT.none;
      default:
        return this.isInNumber && this.#inNumber(byte) ? JSON_EVENT.none : this.#structure(byte);
    }
  }

  /** The document ends here. @throws JsonFault */
  end(): void {
    if (this.isInNumber) this.#endNumber();
    if (this.#depth > 0 || this.#state !== STATE.afterValue) throw new JsonFault('the document is cut short');
  }

  #inString(byte: number): JsonEvent {
    if (byte === 0x5c) this.#state = STATE.escape;
    else if (byte < 0x20) throw new JsonFault('a string has a control character');
    else if (byte === 0x22) {
      this.#state = this.#stringIsKey ? STATE.colon : STATE.afterValue;
      if (this.#stringIsKey) return JSON_EVENT.keyEnd;
    }
    return JSON_EVENT.none;
  }

  /** Whether the byte belongs to the number; one that does not, ends it. RFC 8259 section 6. */
  #inNumber(byte: number): boolean {
    const next = nextInNumber(this.#state, byte);
    if (next === undefined) this.#endNumber();
    else this.#state = next;
    return next !== undefined;
  }

  #endNumber(): void {
    const state = this.#state;
    const isWhole =
      state === STATE.zero || state === STATE.integer || state === STATE.fraction || state === STATE.exponentDigits;
    if (!isWhole) throw new JsonFault('a number is malformed');
    this.#state = STATE.afterValue;
  }

  #structure(byte: number): JsonEvent {
    if (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) return JSON_EVENT.none;
    switch (this.#state) {
      case STATE.firstElement:
        return byte === 0x5d ? this.#close(ARRAY) : this.#beginValue(byte);
      case STATE.value:
        return this.#beginValue(byte);
      case STATE.firstKey:
        return byte === 0x7d ? this.#close(OBJECT) : this.#beginKey(byte);
      case STATE.key:
        return this.#beginKey(byte);
      case STATE.colon:
        if (byte !== 0x3a) throw new JsonFault('a name has no colon');
        this.#state = STATE.value;
        return JSON_EVENT.none;
      default:
        return this.#behindValue(byte);
    }
  }

  #behindValue(byte: number): JsonEvent {
    const container = this.#depth === 0 ? 0 : this.#containers[this.#depth - 1];
    if (byte === 0x7d) return this.#close(OBJECT);
    if (byte === 0x5d) return this.#close(ARRAY);
    if (byte !== 0x2c || container === 0) throw new JsonFault('something stands behind a value');
    this.#state = container === OBJECT ? STATE.key : STATE.value;
    return JSON_EVENT.none;
  }

  #beginKey(byte: number): JsonEvent {
    if (byte !== 0x22) throw new JsonFault('a name is not a string');
    this.#state = STATE.string;
    this.#stringIsKey = true;
    return JSON_EVENT.key;
  }

  #beginValue(byte: number): JsonEvent {
    if (byte === 0x7b) return this.#open(OBJECT, STATE.firstKey);
    if (byte === 0x5b) return this.#open(ARRAY, STATE.firstElement);
    if (byte === 0x22) {
      this.#state = STATE.string;
      this.#stringIsKey = false;
    } else if (LITERALS[byte] !== undefined) {
      this.#state = STATE.literal;
      this.#literal = LITERALS[byte];
    } else {
      const state = byte === 0x2d ? STATE.minus : digitState(byte);
      if (state === undefined) throw new JsonFault('a value begins with an unknown character');
      this.#state = state;
    }
    return JSON_EVENT.scalar;
  }

  #open(container: number, state: number): JsonEvent {
    if (this.#depth === MAX_DEPTH) throw new JsonFault('the document is nested too deeply');
    this.#containers[this.#depth] = container;
    this.#depth += 1;
    this.#state = state;
    return JSON_EVENT.open;
  }

  #close(container: number): JsonEvent {
    if (this.#depth === 0 || this.#containers[this.#depth - 1] !== container)
      throw new JsonFault('brackets do not pair');
    this.#depth -= 1;
    this.#state = STATE.afterValue;
    return JSON_EVENT.close;
  }
}

const ESCAPED = new Set(Buffer.from('"\\/bfnrt'));

function isHexDigit(byte: number): boolean {
  return isDigit(byte) || (byte >= 0x41 && byte <= 0x46) || (byte >= 0x61 && byte <= 0x66);
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

function digitState(byte: number): number | undefined {
  if (byte === 0x30) return STATE.zero;
  return isDigit(byte) ? STATE.integer : undefined;
}

function nextInNumber(state: number, byte: number): number | undefined {
  const isPoint = byte === 0x2e;
  const isExponent = byte === 0x65 || byte === 0x45;
  switch (state) {
    case STATE.minus:
      return digitState(byte);
    case STATE.zero:
    case STATE.integer:
      if (isPoint) return STATE.point;
      if (isExponent) return STATE.exponent;
      return state === STATE.integer && isDigit(byte) ? STATE.integer : undefined;
    case STATE.point:
      return isDigit(byte) ? STATE.fraction : undefined;
    case STATE.fraction:
      if (isExponent) return STATE.exponent;
      return isDigit(byte) ? STATE.fraction : undefined;
    case STATE.exponent:
      if (byte === 0x2b || byte === 0x2d) return STATE.exponentSign;
      return isDigit(byte) ? STATE.exponentDigits : undefined;
    default:
      return isDigit(byte) ? STATE.exponentDigits : undefined;
  }
}
