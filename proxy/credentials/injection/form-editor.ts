import { hasName } from '../parameter-name.ts';
import type { BodyTransform } from '../body-transform.ts';
import { refused } from '../injection-error.ts';

/** `set`: fields of the name go, and this pair comes last. `substitute`: the text of the first such value, as sent, is changed. */
export type FormEdit =
  | { readonly kind: 'set'; readonly pair: Buffer }
  | { readonly kind: 'substitute'; readonly replace: (text: string) => string | undefined };

/** A longer name cannot be told from ours without holding all of it. */
const MAX_NAME_BYTES = 4096;
const MAX_VALUE_BYTES = 64 * 1024;
const [AMPERSAND, SEMICOLON, EQUALS] = [0x26, 0x3b, 0x3d];
const SEPARATOR = Buffer.from('&');

type Part =
  /** The bytes so far of a separator and the name behind it. */
  | { readonly name: 'name'; readonly held: Buffer[]; heldBytes: number }
  | { readonly name: 'kept value' }
  | { readonly name: 'dropped value' }
  | { readonly name: 'own value'; readonly held: Buffer[]; heldBytes: number };

/**
 * Edits one field of a form (WHATWG URL, `application/x-www-form-urlencoded`) as it streams by. Names compare as servers
 * read them; ";" parts fields too, since some servers take it so. Everything else passes as it came.
 */
export class FormEditor implements BodyTransform {
  readonly removed: string[] = [];
  readonly #name: string;
  readonly #isOurs: (pair: string) => boolean;
  readonly #edit: FormEdit;
  #part: Part = { name: 'name', held: [], heldBytes: 0 };
  #hasOutput = false;
  #hasSubstituted = false;

  constructor(name: string, edit: FormEdit) {
    this.#name = name;
    this.#isOurs = hasName(name);
    this.#edit = edit;
  }

  push(bytes: Buffer): Buffer[] {
    const out: Buffer[] = [];
    let from = 0;
    for (let at = 0; at < bytes.length; at += 1) {
      const byte = bytes[at];
      const parts = byte === AMPERSAND || byte === SEMICOLON;
      if (!parts && !(byte === EQUALS && this.#part.name === 'name')) continue;
      this.#take(bytes.subarray(from, at), out);
      from = at;
      if (this.#part.name === 'name') this.#endName(out);
      if (parts) this.#endField(out);
    }
    this.#take(bytes.subarray(from), out);
    return out;
  }

  end(): Buffer[] {
    const out: Buffer[] = [];
    if (this.#part.name === 'name') this.#endName(out);
    this.#endField(out);
    if (this.#edit.kind === 'set') {
      if (this.#hasOutput) out.push(SEPARATOR);
      out.push(this.#edit.pair);
    }
    return out;
  }

  /** More bytes of the part that is being read. */
  #take(bytes: Buffer, out: Buffer[]): void {
    const part = this.#part;
    if (bytes.length === 0 || part.name === 'dropped value') return;
    if (part.name === 'kept value') {
      this.#emit(bytes, out);
      return;
    }
    part.heldBytes += bytes.length;
    if (part.heldBytes > (part.name === 'name' ? MAX_NAME_BYTES : MAX_VALUE_BYTES)) {
      throw refused('a field of its form is too long');
    }
    part.held.push(Buffer.from(bytes));
  }

  #endName(out: Buffer[]): void {
    if (this.#part.name !== 'name') return;
    const held = Buffer.concat(this.#part.held);
    const name = held.toString('latin1').replace(/^[&;]/, '');
    if (!this.#isOurs(name)) {
      this.#part = { name: 'kept value' };
      this.#emit(held, out);
    } else if (this.#edit.kind === 'set') {
      this.#part = { name: 'dropped value' };
      if (this.removed.length === 0) this.removed.push(`form:${this.#name}`);
    } else {
      this.#part = { name: 'own value', held: [held], heldBytes: held.length };
    }
  }

  #endField(out: Buffer[]): void {
    const part = this.#part;
    if (part.name === 'own value') {
      const text = Buffer.concat(part.held).toString('latin1');
      const filled = this.#edit.kind === 'substitute' && !this.#hasSubstituted ? this.#edit.replace(text) : undefined;
      this.#hasSubstituted ||= filled !== undefined;
      this.#emit(Buffer.from(filled ?? text, 'latin1'), out);
    }
    this.#part = { name: 'name', held: [], heldBytes: 0 };
  }

  #emit(bytes: Buffer, out: Buffer[]): void {
    // The separator in front of the first field that stays belonged to one that went.
    const leads = !this.#hasOutput && (bytes[0] === AMPERSAND || bytes[0] === SEMICOLON);
    const rest = leads ? bytes.subarray(1) : bytes;
    if (rest.length === 0) return;
    this.#hasOutput = true;
    out.push(rest);
  }
}
