import { foldCase } from '../match/fold-case.ts';
import { Unreadable } from './unreadable.ts';

const MAX_FIELDS = 1_000;

export interface FormField {
  readonly name: string;
  readonly value: string;
}

/**
 * Fields of `application/x-www-form-urlencoded` text, also of a query (WHATWG URL section 5), as long as every server reads
 * them alike: percent-encoding must be whole and UTF-8, `;` must be encoded (older servers split there), and a name may
 * stand twice only if it ends with `[]`.
 *
 * @throws Unreadable
 */
export function parseForm(text: string): FormField[] {
  if (text === '') return [];
  if (!/^[\x21-\x7e]*$/.test(text)) throw new Unreadable('it has a bare space, control character or byte beyond ASCII');
  if (text.includes(';')) throw new Unreadable('it has a bare semicolon');
  const pieces = text.split('&', MAX_FIELDS + 1);
  if (pieces.length > MAX_FIELDS) throw new Unreadable('it has too many fields');
  const seen = new Set<string>();
  const fields: FormField[] = [];
  for (const piece of pieces) {
    if (piece === '') continue;
    const at = piece.indexOf('=');
    const name = decode(at < 0 ? piece : piece.slice(0, at));
    if (seen.has(name) && !name.endsWith('[]')) throw new Unreadable('it has a field twice');
    seen.add(name);
    fields.push({ name, value: at < 0 ? '' : decode(piece.slice(at + 1)) });
  }
  return fields;
}

/** The value of the field of this name, if there is one. */
export function fieldOf(fields: readonly FormField[], name: string): string | undefined {
  return fields.find((field) => field.name === name)?.value;
}

/**
 * Whether some server takes a field for the one of this name although it is spelled otherwise: in another case (ASP.NET), behind
 * blanks (PHP), or with an index (PHP, Rack). A name with an index of its own stands for that index alone.
 */
export function isOtherSpelling(spelled: string, name: string): boolean {
  if (spelled === name) return false;
  const loose = foldCase(spelled).trim();
  return (name.includes('[') ? loose : loose.replace(/\[.*$/s, '')) === foldCase(name);
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    throw new Unreadable('its percent-encoding is malformed');
  }
}
