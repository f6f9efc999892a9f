import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { canonicalPath, PathError, type PathForms, splitTarget } from '../../common/match/path.ts';
import { canonicalOf, confusingPath } from '../support/protocols/confusing-path.ts';
import { timeBox } from '../support/time-box.ts';

const { seconds: SECONDS, runs: TIME_BOX } = timeBox(3);
const DEADLINE_MS = (SECONDS + 30) * 1000;

const CANONICAL = /^\/(?:[A-Za-z0-9\-._~!$&'()*+,=:@/]|%[0-9A-F]{2})*$/;

/** What a lenient server makes of a path: decoded once or twice, backslashes as slashes, parameters dropped, dots resolved. */
function lenientReadings(canonical: string): string[] {
  const once = decodeBytes(canonical);
  const twice = decodeBytes(once);
  const readings = [canonical, once, twice];
  return readings.flatMap((reading) => [reading, reading.replaceAll('\\', '/'), reading.replaceAll(/;[^/]*/g, '')]);
}

function decodeBytes(text: string): string {
  return text.replaceAll(/%([0-9a-fA-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

function check(raw: string): void {
  const canonical = canonicalOf(raw);
  if (canonical === undefined) return;
  expect(canonical).toMatch(CANONICAL);
  expect(canonicalPath(canonical)).toBe(canonical);
  // The same bytes as what came in: nothing was cut off, resolved or added.
  expect(Buffer.from(decodeBytes(canonical), 'latin1').equals(Buffer.from(decodeBytes(raw), 'latin1'))).toBe(true);
  expect(canonical).not.toMatch(/%(?:[46][1-9A-F]|[57][0-9A]|3[0-9]|2[DE]|5F|7E)/);
  expect(() => decodeURIComponent(canonical)).not.toThrow();
  const shape = canonical.split('/').length;
  for (const reading of lenientReadings(canonical)) {
    const segments = reading.split('/');
    expect(segments.includes('..') || segments.includes('.'), `dot segment in ${JSON.stringify(reading)}`).toBe(false);
    expect(segments.length, `segments of ${JSON.stringify(reading)}`).toBe(shape);
    expect(reading).not.toMatch(/[\0\r\n]/);
  }
  // A WHATWG parser must see the very same path: it resolves dots and turns backslashes into slashes.
  expect(new URL(`http://host${canonical}`).pathname).toBe(canonical);
}

/** What a server was said to tell apart comes through as it was sent, and no reading of it has dots to climb with. */
function checkForms(raw: string, forms: PathForms): void {
  const strict = canonicalOf(raw);
  const canonical = canonicalOf(raw, forms);
  if (strict !== undefined) expect(canonical).toBe(strict);
  if (canonical === undefined) return;
  expect(canonicalPath(canonical, forms)).toBe(canonical);
  expect(canonical.replaceAll(';', '')).toMatch(CANONICAL);
  expect(Buffer.from(decodeBytes(canonical), 'latin1').equals(Buffer.from(decodeBytes(raw), 'latin1'))).toBe(true);
  expect(canonical.split('/').length, 'separators').toBe(raw.split('/').length);
  expect(canonical.startsWith('//')).toBe(false);
  if (!forms.encodedSlash) expect(canonical).not.toContain('%2F');
  if (!forms.parameters) expect(canonical).not.toMatch(/;|%3B/);
  for (const reading of lenientReadings(canonical)) {
    const segments = reading.split('/');
    expect(segments.includes('..') || segments.includes('.'), `dot segment in ${JSON.stringify(reading)}`).toBe(false);
    if (!forms.emptySegments) expect(reading.slice(0, -1)).not.toContain('//');
    expect(reading).not.toMatch(/[\0\r\n\\]/);
  }
  expect(new URL(`http://host${canonical}`).pathname).toBe(canonical);
}

describe('A-11: the canonical path', () => {
  test(
    'with the forms that a server tells apart is as unambiguous, and strict paths stay what they are',
    () => {
      const forms = fc.record({ encodedSlash: fc.boolean(), emptySegments: fc.boolean(), parameters: fc.boolean() });
      fc.assert(fc.property(confusingPath, forms, checkForms), TIME_BOX);
    },
    DEADLINE_MS,
  );

  test(
    'is idempotent, keeps its bytes, and has one shape for strict and lenient readers',
    () => {
      fc.assert(fc.property(confusingPath, check), TIME_BOX);
    },
    DEADLINE_MS,
  );

  test(
    'of any text at all: a PathError or a canonical path, nothing else',
    () => {
      fc.assert(
        fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (text) => check(text)),
        TIME_BOX,
      );
    },
    DEADLINE_MS,
  );

  test('two spellings of one path have one canonical form', () => {
    const plain = fc.string({ unit: fc.constantFrom(...'abcXYZ019-_~'), minLength: 1, maxLength: 12 });
    const property = fc.property(
      plain,
      fc.array(fc.nat({ max: 2 }), { minLength: 1, maxLength: 12 }),
      (segment, turns) => {
        const spelled = Array.from(segment, (char, at) => {
          const hex = char.charCodeAt(0).toString(16);
          return [char, `%${hex}`, `%${hex.toUpperCase()}`][turns[at % turns.length] ?? 0] ?? char;
        }).join('');
        expect(canonicalPath(`/v1/${spelled}`)).toBe(`/v1/${segment}`);
      },
    );
    fc.assert(property, { numRuns: 2000 });
  });

  test('a target is cut at its first question mark and nowhere else', () => {
    const property = fc.property(fc.string({ maxLength: 40 }), (text) => {
      try {
        const { path: before, query } = splitTarget(`/${text}`);
        expect(query === undefined ? before : `${before}?${query}`).toBe(`/${text}`);
        expect(before).not.toContain('?');
      } catch (error) {
        expect(error).toBeInstanceOf(PathError);
      }
    });
    fc.assert(property, { numRuns: 5000 });
  });
});
