import { describe, expect, test } from 'vitest';
import { Utf8Check, Utf8Mender } from '../../../../../proxy/protocols/websocket/utf8.ts';
import { closeFault, closePayload } from '../../../../../proxy/protocols/websocket/close.ts';
import { everyCut } from '../../../../support/protocols/http1-play.ts';

const bytes = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');

function accepts(pieces: readonly Buffer[]): boolean {
  const check = new Utf8Check();
  return pieces.every((piece, at) => check.accepts(piece, at === pieces.length - 1));
}

describe('text', () => {
  test.each(['', 'plain', 'κόσμε', '€ and ü and 𝒳', '\u{10ffff}\0'])('%j is valid on every cut', (text) => {
    for (const pieces of everyCut(Buffer.from(text))) expect(accepts(pieces)).toBe(true);
  });

  test.each([
    ['a lone continuation', '61 80 62'],
    ['an overlong slash', 'c0 af'],
    ['an overlong euro', 'f0 82 82 ac'],
    ['a surrogate', 'ed a0 80'],
    ['beyond Unicode', 'f4 90 80 80'],
    ['a character cut short', '61 e2 82'],
    ['a character cut by another', 'e2 82 61'],
    ['no lead byte', 'ff'],
  ])('%s is invalid on every cut', (_, hex) => {
    for (const pieces of everyCut(bytes(hex))) expect(accepts(pieces)).toBe(false);
  });

  test('what a mask left of characters becomes asterisks, on every cut', () => {
    // "é*" whose lead byte was masked away, a lead byte before a mask, and whole characters that stay.
    const text = Buffer.concat([bytes('2a a9'), Buffer.from('€'), bytes('c3 2a'), bytes('e2 82 2a'), Buffer.from('𝒳')]);
    for (const pieces of everyCut(text)) {
      const mender = new Utf8Mender();
      const out = pieces.map((piece, at) => Buffer.from(mender.mend(piece, at === pieces.length - 1)));
      expect(Buffer.concat(out).toString()).toBe('**€*****𝒳');
    }
  });
});

describe('Close', () => {
  test('a reason is cut at a character', () => {
    const payload = closePayload(1008, '€'.repeat(42));
    expect(payload.subarray(2).toString()).toBe('€'.repeat(41));
    expect(closeFault(payload)).toBeUndefined();
    expect(closePayload(1001, 'x'.repeat(500))).toHaveLength(125);
  });
});
