/**
 * What the search of answers for secrets takes, by what stands in them and how they come: the least of many slices, which what
 * else runs on the machine cannot make longer.
 *
 *     npx esbuild bench/micro/scrub.ts --bundle --platform=node --format=esm --outfile=/tmp/scrub.mjs && node /tmp/scrub.mjs
 */
import { Secret } from '../../common/secret.ts';
import { compileScrubber, type Scrubber } from '../../proxy/credentials/scrubbing/scrub.ts';
import { type MicroCase, printLeast } from './least.ts';

const ANSWER_BYTES = 100_000;
const READ_BYTES = 65_536;
const TLS_RECORD_BYTES = 16_384;

/** A key, a token, and one that is short. */
const SECRETS: Record<string, string> = {
  usual: 'bench-credential-0123456789',
  long: Array.from({ length: 40 }, (_, at) => (Math.sin(at + 1) * 2 ** 52).toString(36).replace('.', '-')).join('_'),
  short: 'K7_mQ.2x',
};

function filled(piece: string): Buffer {
  return Buffer.from(piece.repeat(Math.ceil(ANSWER_BYTES / piece.length)).slice(0, ANSWER_BYTES), 'latin1');
}

const noise = Buffer.alloc(3 * ANSWER_BYTES);
for (let at = 0, state = 1; at < noise.length; at += 1) {
  state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
  noise[at] = state >>> 24;
}
const record = {
  id: 18_273,
  name: 'Adams & Söhne',
  note: 'said: "call back"\n',
  at: '2026-11-27T12:00:00Z',
  tags: ['a', 'b'],
};

const BODIES: Record<string, Buffer> = {
  x: filled('x'),
  prose: filled('The quick brown fox jumps over the lazy dog, and the dog did not mind; it had seen better days.\n'),
  json: filled(`${JSON.stringify(record)},`),
  'json in lines': filled(`${JSON.stringify(record, undefined, 2)},\n`),
  html: filled('<li class="item"><a href="/items/4711?x=1&amp;y=2">Caf&eacute; &#8212; &lt;b&gt;</a></li>\n'),
  entities: filled('&lt;p&gt;'),
  percent: filled('%7B%22a%22%3A1%7D'),
  backslashes: filled('\\"a\\":\\"b\\",'),
  'only backslashes': filled('\\'),
  'only ampersands': filled('&'),
  base64: filled(noise.toString('base64')),
  'base64 in lines': filled(noise.toString('base64').replaceAll(/.{76}/g, '$&\r\n')),
  'base64 in json': filled(`{"id": 1,\n "data": "${noise.toString('base64', 0, 60_000)}"}`),
  hex: filled(noise.toString('hex')),
  binary: filled(noise.toString('latin1')),
  zeros: filled('\0'),
  'wide text': Buffer.from(filled('The quick brown fox.').toString(), 'utf16le').subarray(0, ANSWER_BYTES),
};

function answer(scrubber: Scrubber, body: Buffer, chunkBytes: number): void {
  const stream = scrubber.stream();
  for (let at = 0; at < body.length; at += chunkBytes) {
    const chunk = body.subarray(at, at + chunkBytes);
    if (at + chunkBytes < body.length) stream.push(chunk);
    else stream.pushLast(chunk);
  }
}

const only = process.env['ONLY'];
const cases: MicroCase[] = [];
for (const [which, secret] of Object.entries(SECRETS)) {
  const scrubber = compileScrubber([new Secret(secret)]);
  if (scrubber === undefined) throw new Error('nothing to search for');
  const add = (name: string, run: () => void): void => {
    if (only === undefined || `${which}: ${name}`.includes(only)) cases.push({ name: `${which}: ${name}`, run });
  };
  for (const [name, body] of Object.entries(BODIES)) {
    add(`${name}, reads of 64 KB`, () => answer(scrubber, body, READ_BYTES));
    if (which === 'usual' && ['x', 'prose', 'json'].includes(name))
      add(`${name}, reads of 16 KB`, () => answer(scrubber, body, TLS_RECORD_BYTES));
  }
  for (const [name, body] of Object.entries(BODIES)) {
    if (!['x', 'prose', 'json', 'html'].includes(name)) continue;
    add(`${name}, 200 bytes`, () => answer(scrubber, body.subarray(0, 200), READ_BYTES));
  }
  const events = scrubber.stream();
  const event = Buffer.from(
    `data: {"choices":[{"delta":{"content":" brown"}}],"id":"chatcmpl-123","object":"chunk"}\n\n`,
  );
  add('event of 85 bytes', () => events.push(event));
}

printLeast(cases);
