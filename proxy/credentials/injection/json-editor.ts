import { type JsonPointer, readPointer } from '../../../common/inspection/json-pointer.ts';
import { foldCase } from '../../../common/match/fold-case.ts';
import { JSON_EVENT, type JsonEvent, JsonFault, JsonScanner } from '../../protocols/json-scanner.ts';
import type { BodyTransform } from '../body-transform.ts';
import { refused } from '../injection-error.ts';

/** `set`: the member becomes this JSON, added if need be. `substitute`: its text is changed, if it is a string of ours. */
export type JsonEdit =
  | { readonly kind: 'set'; readonly json: Buffer }
  | { readonly kind: 'substitute'; readonly replace: (text: string) => string | undefined };

/** Of a name on the way, and of a string that is changed: they are held whole. */
const MAX_HELD_BYTES = 64 * 1024;
const COMMA = Buffer.from(',');

/** The tokens of a JSON Pointer (RFC 6901 section 4); undefined when it is none or names the whole document. */
export function pointerTokens(pointer: string): JsonPointer | undefined {
  return /^(?:\/(?:[^~/]|~[01])*)+$/u.test(pointer) ? readPointer(pointer) : undefined;
}

/** An open object on the way to the member. */
interface Level {
  /** Its member on the way has come. */
  found: boolean;
  isEmpty: boolean;
}

/** A name in an object on the way. */
interface TakenKey {
  readonly name: 'key';
  readonly bytes: number[];
}

/** The member's own value; its bytes are held for `substitute` alone. */
interface TakenValue {
  readonly name: 'value';
  readonly depth: number;
  readonly held: Buffer[];
  heldBytes: number;
}

type Taking = { readonly name: 'nothing' } | TakenKey | TakenValue;

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
  readonly #utf8 = new TextDecoder('utf-8', { fatal: true });
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
      const taking = this.#taking;
      if (taking.name === 'value') {
        const endsBefore = wasInNumber && !scanner.isInNumber && before === taking.depth;
        const endsHere = scanner.isAfterValue && scanner.depth === taking.depth;
        if (endsBefore) from = this.#endValue(taking, bytes, from, at, out);
        else if (endsHere) from = this.#endValue(taking, bytes, from, at + 1, out);
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
      else if (this.#taking.bytes.push(byte) > MAX_HELD_BYTES) throw refused('a name of its JSON is too long');
      return from;
    }
    switch (event) {
      case JSON_EVENT.key:
        if (depth === this.#levels.length) this.#taking = { name: 'key', bytes: [] };
        return from;
      case JSON_EVENT.open:
      case JSON_EVENT.scalar:
        return this.#beginValue(byte, depth, position);
      case JSON_EVENT.close:
        if (depth !== this.#levels.length) return from;
        this.#pass(bytes, from, at, out);
        this.#closeLevel(out);
        return at;
      default:
        return from;
    }
  }

  #endKey({ bytes }: TakenKey): void {
    this.#taking = NOTHING;
    const level = this.#levels.at(-1);
    const token = this.#tokens[this.#levels.length - 1];
    if (level === undefined || token === undefined) return;
    level.isEmpty = false;
    const key = String(JSON.parse(`"${Buffer.from(bytes).toString('utf8')}"`));
    if (foldCase(key) !== foldCase(token)) return;
    if (key !== token || level.found) throw refused('its JSON has the name twice');
    level.found = true;
    this.#isNext = true;
  }

  #beginValue(byte: number, depth: number, { bytes, from, at, out }: Position): number {
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
    if (byte === 0x7b) this.#levels.push({ found: false, isEmpty: true });
    return from;
  }

  /** The value ended in front of `at`; answers `at`. */
  #endValue(taking: TakenValue, bytes: Buffer, from: number, at: number, out: Buffer[]): number {
    this.#hold(taking, bytes.subarray(from, at));
    const held = Buffer.concat(taking.held);
    this.#taking = NOTHING;
    this.#placed = true;
    if (this.#edit.kind === 'set') {
      this.removed.push(`json:${this.#pointer}`);
      out.push(this.#edit.json);
      return at;
    }
    const filled = this.#edit.replace(String(JSON.parse(held.toString('utf8'))));
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
    if (this.#taking.name === 'value') this.#hold(this.#taking, bytes.subarray(from, to));
    else out.push(bytes.subarray(from, to));
  }

  #hold(taking: TakenValue, bytes: Buffer): void {
    if (this.#edit.kind === 'set') return;
    taking.heldBytes += bytes.length;
    if (taking.heldBytes > MAX_HELD_BYTES) throw refused('a string of its JSON is too long');
    taking.held.push(Buffer.from(bytes));
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
