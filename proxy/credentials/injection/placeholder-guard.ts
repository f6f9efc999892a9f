import type { HeaderList } from '../../protocols/header-list.ts';
import { type BodyTransform, InjectionError } from './scheme.ts';

const MARK = 'sk_placeholder_';
const MARK_BYTES = Buffer.from(MARK);
const MIN_RANDOM = 22;
const MIN_LENGTH = MARK.length + MIN_RANDOM;
const PATTERN = /sk_placeholder_[A-Za-z0-9_-]{22,}/;

/** Whether a placeholder stands in this text, whoever's it is. */
export function holdsPlaceholder(text: string): boolean {
  // Most values are shorter, and this is asked for every field of every request.
  return text.length >= MIN_LENGTH && text.includes(MARK) && PATTERN.test(text);
}

/** The text with its first placeholder replaced, when it is one of these; else undefined. */
export function substitute(text: string, placeholders: ReadonlySet<string>, by: string): string | undefined {
  const found = text.includes(MARK) ? PATTERN.exec(text) : null;
  if (found === null || !placeholders.has(found[0])) return undefined;
  return text.slice(0, found.index) + by + text.slice(found.index + found[0].length);
}

/** Refuses a head that holds a placeholder: by now every one that has its place here was substituted. */
export function refusePlaceholders(headers: HeaderList, path: string, query: string | undefined): void {
  const { raw } = headers;
  for (let at = 1; at < raw.length; at += 2) {
    if (holdsPlaceholder(raw[at] ?? '')) throw placeholderRefused();
  }
  if (holdsPlaceholder(path) || (query !== undefined && holdsPlaceholder(query))) throw placeholderRefused();
}

export function placeholderRefused(): InjectionError {
  return new InjectionError('placeholder-refused', 'a placeholder stands where it is not for');
}

const NOTHING_REMOVED: readonly string[] = [];

/**
 * Passes a body on unchanged and refuses it once it holds a placeholder. Bytes are not held back for that: a part of a
 * placeholder is worth nothing to anybody, and the request is never completed.
 */
export class PlaceholderGuard implements BodyTransform {
  readonly removed = NOTHING_REMOVED;
  /** The last bytes of what went by, in which a placeholder may have begun. */
  #tail = '';

  push(bytes: Buffer): Buffer[] {
    if (this.#tail !== '') {
      const seam = this.#tail + bytes.toString('latin1', 0, MIN_LENGTH - 1);
      if (holdsPlaceholder(seam)) throw placeholderRefused();
    }
    for (let at = bytes.indexOf(MARK_BYTES); at !== -1; at = bytes.indexOf(MARK_BYTES, at + 1)) {
      if (PATTERN.test(bytes.toString('latin1', at, at + MIN_LENGTH))) throw placeholderRefused();
    }
    const end = bytes.toString('latin1', Math.max(0, bytes.length - MIN_LENGTH + 1));
    this.#tail = (this.#tail + end).slice(1 - MIN_LENGTH);
    return [bytes];
  }

  end(): Buffer[] {
    return [];
  }
}
