import fc from 'fast-check';
import { canonicalPath, PathError, type PathForms, STRICT_PATHS } from '../../../common/match/path.ts';

/** Pieces of which path confusions are made, among harmless ones. */
const piece = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...'/aB1.-_~%;\\?#@:&=+$,!*\'()"<>[]{}|^` \t\r\n\0') },
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      '..',
      './',
      '/../',
      '%2e',
      '%2E%2e',
      '%2f',
      '%2F',
      '%5c',
      '%5C',
      '%00',
      '%0a',
      '%0d',
      '%3b',
      '%25',
      '%252e',
      '%252f',
      '%25252F',
      '%c0%ae',
      '%c0%af',
      '%e0%80%af',
      '%ff',
      '%c3%a9',
      '%C3%A9',
      '%61',
      '%7e',
      '%7E',
      '%20',
      '%',
      '%2',
      '%zz',
      '%u002e',
      ';a=b',
      '//',
      '\u00e9',
      '\u0131',
      '\uff0e',
      '\uff0f',
      '\u2215',
      '\ud800',
    ),
  },
  { weight: 2, arbitrary: fc.integer({ min: 0, max: 255 }).map((byte) => `%${byte.toString(16).padStart(2, '0')}`) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 5 }) },
);

/** Paths made of them. */
export const confusingPath: fc.Arbitrary<string> = fc
  .array(piece, { maxLength: 20 })
  .map((pieces) => `/${pieces.join('')}`);

/** The canonical form of a path; undefined for one that is refused. */
export function canonicalOf(raw: string, forms: PathForms = STRICT_PATHS): string | undefined {
  try {
    return canonicalPath(raw, forms);
  } catch (error) {
    if (error instanceof PathError) return undefined;
    throw error;
  }
}
