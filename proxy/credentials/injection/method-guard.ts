import type { HeaderList } from '../../protocols/header-list.ts';
import { parameterName } from '../parameter-name.ts';
import { type BodyTransform, InjectionError } from './scheme.ts';

/** The field in which forms say another method than theirs to Rails, Laravel, Symfony and others, which take it from POST alone. */
const FIELD = '_method';
/** A longer name is another one, even with every character of it encoded and an index behind it. */
const MAX_NAME_BYTES = 128;
const IN_MULTIPART = /name\*?\s*=\s*(?:"\s*|utf-8'[^']*')?_method\b/i;
const SEAM_CHARS = 64;
const [AMPERSAND, SEMICOLON, EQUALS] = [0x26, 0x3b, 0x3d];
const NOTHING_REMOVED: readonly string[] = [];

/** Lets a form pass that does not name another method than the one that was decided on; undefined: it is no form. */
export function methodGuardFor(method: string, headers: HeaderList): BodyTransform | undefined {
  if (method !== 'POST') return undefined;
  const types = headers.getAll('content-type').join().toLowerCase();
  if (types.includes('x-www-form-urlencoded')) return new FormGuard();
  return types.includes('multipart/form-data') ? new MultipartGuard() : undefined;
}

class FormGuard implements BodyTransform {
  readonly removed = NOTHING_REMOVED;
  /** Of the name under way; undefined in a value. */
  #name: string | undefined = '';

  push(bytes: Buffer): Buffer[] {
    for (let at = 0; at < bytes.length; at += 1) {
      const byte = bytes[at] ?? 0;
      const parts = byte === AMPERSAND || byte === SEMICOLON;
      if (parts || byte === EQUALS) this.#endName();
      if (parts) this.#name = '';
      else if (this.#name !== undefined) this.#name += String.fromCharCode(byte);
      if (this.#name !== undefined && this.#name.length > MAX_NAME_BYTES) this.#name = undefined;
    }
    return [bytes];
  }

  end(): Buffer[] {
    this.#endName();
    return [];
  }

  #endName(): void {
    if (this.#name !== undefined && parameterName(this.#name) === FIELD) throw overridden();
    this.#name = undefined;
  }
}

class MultipartGuard implements BodyTransform {
  readonly removed = NOTHING_REMOVED;
  #seam = '';

  push(bytes: Buffer): Buffer[] {
    const text = this.#seam + bytes.toString('latin1');
    if (IN_MULTIPART.test(text)) throw overridden();
    this.#seam = text.slice(-SEAM_CHARS);
    return [bytes];
  }

  end(): Buffer[] {
    return [];
  }
}

function overridden(): InjectionError {
  return new InjectionError('method-refused', 'the form names another method in _method: send it as the method');
}
