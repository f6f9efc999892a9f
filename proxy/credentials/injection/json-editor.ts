import { foldCase } from '../../../common/match/fold-case.ts';
import { JSON_EVENT, type JsonEvent, JsonFault, JsonScanner } from './json-scanner.ts';
import type { BodyTransform } from '../body-transform.ts';
import { refused } from './scheme.ts';

/** `set`: the member becomes this JSON, added if need be. `substitute`: its text is changed, if it is a string of ours. */
export type JsonEdit =
  | { readonly kind: 'set'; readonly json: Buffer }
  | { readonly kind: 'substitute'; readonly replace: (text: string) => string | undefined };

const MAX_VALUE_BYTES = 64 * 1024;
const COMMA = Buffer.from(',');

/** The tokens of a JSON Pointer (RFC 6901 section 4); undefined when it is none or names the whole document. */
export function pointerTokens(pointer: string): string[] | undefined {
  if (!/^(?:\/(?:[^~/]|~[01])*)+$/u.test(pointer)) return undefined;
  const [, ...tokens] = pointer.split('/');
  return tokens.map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'));
}

/** An open object on the way to the member. */
interface Level {
  /** Its member on the way has come. */
  found: boolean;
  isEmpty: boolean;
}

type Taking =
  | { readonly name: 'nothing' }
  /** A name in an object on the way; more than `limit` bytes cannot be ours. */
  | { readonly name: 'key'; readonly bytes: number[]; readonly limit: number }
  /** The member's own value; its bytes are held for `substitute` alone. */
  | { readonly name: 'value'; readonly depth: number; readonly held: Buffer[]; heldBytes: number };

const NOTHING: Taking = { name: 'nothing' };

/**
 * Edits one member of an object in a JSON document as it streams by; all else passes byte for byte. Every token of the
 * pointer names a member. A name that comes twice on the way is refused, since servers differ on which one counts; so is
 * one that differs in case alone, since some ignore it.
 */
export class JsonEditor implements BodyTransform {
  readonly removed: string[] = [];
  readonly #pointer: string;
  readonly #tokens: readonly string[];
  readonly #edit: JsonEdit;
  readonly #scanner = new JsonScanner();
  readonly #utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  readonly #levels: Level[] = [];
  #taking: Taking = NOTHING;
  /** The next value belongs to the name that was asked for. */
  #isNext = false;
  #placed = false;

  constructor(pointer: string, tokens: readonly string[], edit: JsonEdit) {
    this.#pointer = pointer;
    this.#tokens = tokens;
    this.#edit = edit;
  }

  push(bytes: Buffer): Buffer[] {
    this.#checkUtf8(bytes);
    const out: Buffer[] = [];
    try {
      this.#scan(bytes, out);
    } catch (error) {
      throw asRefusal(error);
    }
    return out;
  }

  end(): Buffer[] {
    try {
      this.#scanner.end();
    } catch (error) {
      throw asRefusal(error);
    }
    if (this.#edit.kind === 'set' && !this.#placed) throw refused('its JSON has no object for it');
    return [];
  }

  #scan(bytes: Buffer, out: Buffer[]): void {
    const scanner = this.#scanner;
    let from = 0;
    for (let at = 0; at < bytes.length; at += 1) {
      if (scanner.isInString && this.#taking.name !== 'key') {
        at = stringEnd(bytes, at);
        if (at === bytes.length) break;
      }
      const byte = bytes[at] ?? 0;
      const wasInNumber = scanner.isInNumber;
      const before = scanner.depth;
      const event = scanner.step(byte);
      if (this.#taking.name === 'value') {
        const isInner = before > this.#taking.depth;
        if (wasInNumber && !scanner.isInNumber && !isInner) from = this.#endValue(bytes, from, at, out);
        else {
          const isOver = scanner.isAfterValue && scanner.depth === this.#taking.depth;
          if (isOver) from = this.#endValue(bytes, from, at + 1, out);
          continue;
        }
      }
      from = this.#follow(event, byte, before, { bytes, from, at, out });
    }
    this.#pass(bytes, from, bytes.length, out);
  }

  /** Reacts to one byte outside the member's value; answers from where on bytes have not been passed. */
  #follow(event: JsonEvent, byte: number, depth: number, position: Position): number {
    const { bytes, from, at, out } = position;
    if (this.#taking.name === 'key') {
      if (event === JSON_EVENT.keyEnd) this.#endKey(this.#taking);
      else if (this.#taking.bytes.length <= this.#taking.limit) this.#taking.bytes.push(byte);
      return from;
    }
    switch (event) {
      case JSON_EVENT.key:
        if (depth === this.#levels.length) this.#beginKey(depth);
        return from;
      case JSON_EVENT.open:
      case JSON_EVENT.scalar:
        return this.#beginValue(event, byte, depth, position);
      case JSON_EVENT.close:
        if (depth !== this.#levels.length) return from;
        this.#pass(bytes, from, at, out);
        this.#closeLevel(out);
        return at;
      default:
        return from;
    }
  }

  #beginKey(depth: number): void {
    const limit = 8 * (this.#tokens[depth - 1] ?? '').length + 16;
    this.#taking = { name: 'key', bytes: [], limit };
  }

  #endKey({ bytes, limit }: Extract<Taking, { name: 'key' }>): void {
    this.#taking = NOTHING;
    const level = this.#levels.at(-1);
    const token = this.#tokens[this.#levels.length - 1];
    if (level === undefined || token === undefined) return;
    level.isEmpty = false;
    if (bytes.length > limit) return;
    const key: unknown = JSON.parse(`"${Buffer.from(bytes).toString('utf8')}"`);
    if (typeof key !== 'string' || foldCase(key) !== foldCase(token)) return;
    if (key !== token || level.found) throw refused('its JSON has the name twice');
    level.found = true;
    this.#isNext = true;
  }

  #beginValue(event: JsonEvent, byte: number, depth: number, { bytes, from, at, out }: Position): number {
    const isOnTheWay = depth === 0 ? this.#levels.length === 0 : this.#isNext;
    this.#isNext = false;
    if (!isOnTheWay) return from;
    if (depth === this.#tokens.length) {
      if (this.#edit.kind === 'substitute' && byte !== 0x22) return from;
      this.#pass(bytes, from, at, out);
      this.#taking = { name: 'value', depth, held: [], heldBytes: 0 };
      // A literal or a string needs more bytes than this one, so the value cannot be over yet.
      return at;
    }
    if (event === JSON_EVENT.open && byte === 0x7b) this.#levels.push({ found: false, isEmpty: true });
    return from;
  }

  /** The value ended in front of `at`; answers `at`. */
  #endValue(bytes: Buffer, from: number, at: number, out: Buffer[]): number {
    if (this.#taking.name !== 'value') return at;
    this.#hold(bytes.subarray(from, at));
    const held = Buffer.concat(this.#taking.held);
    this.#taking = NOTHING;
    this.#placed = true;
    if (this.#edit.kind === 'set') {
      this.removed.push(`json:${this.#pointer}`);
      out.push(this.#edit.json);
      return at;
    }
    const text: unknown = JSON.parse(held.toString('utf8'));
    const filled = typeof text === 'string' ? this.#edit.replace(text) : undefined;
    out.push(filled === undefined ? held : Buffer.from(JSON.stringify(filled)));
    return at;
  }

  /** The innermost object on the way closes: the member is added if it did not come. */
  #closeLevel(out: Buffer[]): void {
    const level = this.#levels.pop();
    const isParent = this.#levels.length === this.#tokens.length - 1;
    if (level === undefined || level.found || !isParent || this.#edit.kind !== 'set') return;
    if (!level.isEmpty) out.push(COMMA);
    out.push(Buffer.from(`${JSON.stringify(this.#tokens.at(-1))}:`), this.#edit.json);
    this.#placed = true;
  }

  #pass(bytes: Buffer, from: number, to: number, out: Buffer[]): void {
    if (from >= to) return;
    if (this.#taking.name === 'value') this.#hold(bytes.subarray(from, to));
    else out.push(bytes.subarray(from, to));
  }

  #hold(bytes: Buffer): void {
    if (this.#taking.name !== 'value' || this.#edit.kind === 'set') return;
    this.#taking.heldBytes += bytes.length;
    if (this.#taking.heldBytes > MAX_VALUE_BYTES) throw refused('a string of its JSON is too long');
    this.#taking.held.push(Buffer.from(bytes));
  }

  /** Half a character at the end of the body stands within a string, so that the document has no end either. */
  #checkUtf8(bytes: Buffer): void {
    try {
      this.#utf8.decode(bytes, { stream: true });
    } catch {
      throw refused('its JSON is not in UTF-8');
    }
  }
}

interface Position {
  readonly bytes: Buffer;
  readonly from: number;
  readonly at: number;
  readonly out: Buffer[];
}

/** Where a quote, a backslash or a control character stands from here on; the length when none does. */
function stringEnd(bytes: Buffer, from: number): number {
  let at = from;
  for (; at < bytes.length; at += 1) {
    const byte = bytes[at] ?? 0;
    if (byte === 0x22 || byte === 0x5c || byte < 0x20) break;
  }
  return at;
}

function asRefusal(error: unknown): unknown {
  return error instanceof JsonFault ? refused(`its body is not JSON: ${error.message}`) : error;
}
