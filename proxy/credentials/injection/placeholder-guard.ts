import type { HeaderList } from '../../protocols/header-list.ts';
import { isBinary } from './media-type.ts';
import { PLACEHOLDER_WINDOW, type PlaceholderForm, placeholderIn, placeholderInBytes } from './placeholder-search.ts';
import type { BodyTransform } from '../body-transform.ts';
import { InjectionError } from '../injection-error.ts';

/**
 * Refuses fields, of a head or of trailers, that hold a placeholder: by now every one that has its place here was
 * substituted.
 *
 * @throws InjectionError `placeholder-refused`
 */
export function refusePlaceholders({ raw }: HeaderList): void {
  for (let at = 1; at < raw.length; at += 2) refuse(placeholderIn(raw[at] ?? ''));
}

/** The same for the target. @throws InjectionError `placeholder-refused` */
export function refusePlaceholdersInTarget(path: string, query: string | undefined): void {
  refuse(placeholderIn(path));
  if (query !== undefined) refuse(placeholderIn(query));
}

function refuse(found: PlaceholderForm | undefined): void {
  if (found === undefined) return;
  const what =
    found === 'plain' ? 'stands where it is not for' : 'is encoded, and stands where it is read in plain only';
  throw new InjectionError('placeholder-refused', `a placeholder ${what}`);
}

const NOTHING_REMOVED: readonly string[] = [];
const NOTHING = Buffer.alloc(0);

/**
 * Passes a body on unchanged and refuses it once it holds a placeholder. Bytes are not held back for that: a part of a
 * placeholder is worth nothing to anybody, and the request is never completed.
 */
export class PlaceholderGuard implements BodyTransform {
  readonly removed = NOTHING_REMOVED;
  readonly #readsEscapes: boolean;
  /** The last bytes of what went by, in which a placeholder may have begun. */
  #tail = NOTHING;

  /** For a body with these headers. Only text has escapes; looking for them in other bytes would cost much for nothing. */
  constructor(headers: HeaderList) {
    this.#readsEscapes = !isBinary(headers);
  }

  push(bytes: Buffer): Buffer[] {
    if (this.#tail.length > 0) this.#search(Buffer.concat([this.#tail, bytes.subarray(0, PLACEHOLDER_WINDOW)]));
    this.#search(bytes);
    const last = bytes.length < PLACEHOLDER_WINDOW ? Buffer.concat([this.#tail, bytes]) : bytes;
    this.#tail = Buffer.from(last.subarray(-PLACEHOLDER_WINDOW));
    return [bytes];
  }

  end(): Buffer[] {
    return [];
  }

  #search(bytes: Buffer): void {
    refuse(placeholderInBytes(bytes, this.#readsEscapes));
  }
}
