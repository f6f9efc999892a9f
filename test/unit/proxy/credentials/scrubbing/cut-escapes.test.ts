import { expect, test } from 'vitest';
import { Secret } from '../../../../../common/secret.ts';
import { compileScrubber, type ScrubStream } from '../../../../../proxy/credentials/scrubbing/scrub.ts';
import { everyCut } from '../../../../support/protocols/http1-play.ts';

/** Escapes that are cut where a shorter one stands already, or where they may be plain characters of the secret. */

function streamFor(secret: string): ScrubStream {
  const scrubber = compileScrubber([new Secret(secret)]);
  if (scrubber === undefined) throw new Error('nothing to scrub');
  return scrubber.stream();
}

test.each([
  ['A%Bx%AACD', 'A%Bx%2525AACD'],
  ['A%B%AACD', '%41%B%2525AACD'],
  ['A%A%AAAA', '%2541%A%2525AA%2541A'],
  ['pass\\word\\u00', 'pass\\\\word\\\\\\\\u00'],
  ['DOMAIN\\user', 'DOMAIN\\\\\\\\user'],
  ['%\\%%%%', '%\\\\u005c%%\\\\u0025%'],
  ['a&amp;b', '%61&amp;b'],
  ['%AA%', '%2525%2541%2541%2525'],
  ['pass%word%', 'pass%25word%2525'],
  ['password\\uZ', 'password\\u005cuZ'],
  ['password\\\\uZ', 'password\\\\u005c\\uZ'],
])('%s as %s is found on every cut', (secret, text) => {
  for (const pieces of everyCut(Buffer.from(text))) {
    const stream = streamFor(secret);
    const out = [...pieces.flatMap((piece) => stream.push(Buffer.from(piece))), ...stream.end()];
    expect(Buffer.concat(out).toString(), `cut at ${pieces[0]?.length}`).toBe('*'.repeat(text.length));
  }
});

test.each(['%AAAA', '%41%42%43%44%45%46', 'ab\\u0041\\u0042&#65;', '\\\\ud83d\\\\udd11'])(
  'of %s a lull shows less than a quarter, though it reads as escapes',
  (secret) => {
    const stream = streamFor(secret);
    const out: Buffer[] = [];
    for (const byte of Buffer.from(secret)) {
      out.push(...stream.push(Buffer.from([byte])).map((bytes) => Buffer.from(bytes)), ...stream.lull());
    }
    const shown = Buffer.concat([...out, ...stream.end()])
      .toString()
      .replaceAll('*', '');
    expect(shown.length).toBeLessThan(Math.max(2, secret.length / 4));
  },
);

test('what could be read in too many ways is masked, and does not take for ever', () => {
  const stream = streamFor(`${'\\'.repeat(2_000)}x`);
  const text = Buffer.from('\\'.repeat(8_000));
  const out = [...stream.push(text.subarray(0, 5_000)), ...stream.push(text.subarray(5_000)), ...stream.end()];
  expect(Buffer.concat(out).toString()).toBe('*'.repeat(text.length));
});
