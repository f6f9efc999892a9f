import fc from 'fast-check';
import { expect, test } from 'vitest';
import { methodGuardFor } from '../../../../../proxy/credentials/injection/method-guard.ts';
import { parameterNames } from '../../../../../proxy/credentials/parameter-name.ts';
import { HeaderList } from '../../../../../proxy/protocols/header-list.ts';

const FORM = HeaderList.from([['Content-Type', 'application/x-www-form-urlencoded']]);
const FIELDS = ['_method', 'x-http-method-override', 'rest_route'];

/** Byte by byte. */
function isRefused(body: Buffer): boolean {
  let name: string | undefined = '';
  let found = false;
  const end = (): void => {
    const names = name === undefined ? [] : parameterNames(name);
    found ||= FIELDS.some((field) => names.includes(field));
    name = undefined;
  };
  for (const byte of body) {
    const char = String.fromCharCode(byte);
    if ('&;='.includes(char)) end();
    if ('&;'.includes(char)) name = '';
    else if (name !== undefined) {
      name += char;
      if (name.length > 192) name = name.replace(/^(?:[+\s[\]]|%20|%5b|%5d)+/i, '');
      if (name.length > 192) end();
    }
  }
  end();
  return found;
}

function isRefusedInPieces(pieces: readonly Buffer[]): boolean {
  const guard = methodGuardFor('POST', FORM);
  try {
    for (const piece of pieces) guard?.push(piece);
    guard?.end();
    return false;
  } catch {
    return true;
  }
}

const written = fc
  .tuple(fc.constantFrom(...FIELDS), fc.array(fc.nat(7), { minLength: 1, maxLength: 8 }))
  .map(([field, ways]) =>
    Array.from(field, (char, at) => {
      const code = char.charCodeAt(0).toString(16);
      const way = ways[at % ways.length];
      if (way === 0) return `%${code}`;
      if (way === 1) return `%u00${code}`;
      if (way === 2) return char.toUpperCase();
      return way === 3 && char === '_' ? '.' : char;
    }).join(''),
  );
const piece = fc.oneof(
  written,
  fc.constantFrom(...FIELDS, '&', ';', '=', '&&', '==', 'a=b&', '[', ']', '+', '%20', '%5B', '\0', '%00', 'Ke', '\x80'),
  fc.tuple(fc.constantFrom('+', 'x', '%20', '[', '%'), fc.nat(210)).map(([text, times]) => text.repeat(times)),
  fc.string({ unit: fc.constantFrom(...'&;=_methodMETHOD%[]'), maxLength: 40 }),
);
const body = fc.array(piece, { maxLength: 8 }).map((pieces) => Buffer.from(pieces.join(''), 'latin1'));

test('a form is refused as when it is read byte by byte, however it is cut', () => {
  fc.assert(
    fc.property(body, fc.array(fc.nat(400), { maxLength: 5 }), (bytes, at) => {
      const cuts = [0, ...at.toSorted((one, other) => one - other), bytes.length];
      const pieces = cuts.slice(1).map((cut, index) => bytes.subarray(cuts[index], cut));
      expect(isRefusedInPieces(pieces)).toBe(isRefused(bytes));
      expect(isRefusedInPieces(Array.from(bytes, (byte) => Buffer.of(byte)))).toBe(isRefused(bytes));
    }),
    { numRuns: 1_000 },
  );
});
