import { execFileSync, spawnSync } from 'node:child_process';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { grant, type ProxyWorld, startProxyWorld } from '../support/worlds/proxy-world.ts';

// Echoes of a credential as the encoders of real languages write it.
let world: ProxyWorld;
beforeEach(async () => {
  world = await startProxyWorld();
});
afterEach(() => world.close());

const PYTHON = '/usr/bin/python3';
const HAS_PYTHON = spawnSync(PYTHON, ['-c', '']).status === 0;
/** Python's own encoders, called with the secret in base64, one answer a line of JSON. */
const PYTHON_ECHOES = `
import base64, html, json, sys, urllib.parse
secret = base64.b64decode(sys.argv[1])
text, latin = secret.decode(), secret.decode("latin-1")
ways = [json.dumps(text), json.dumps(latin), ascii(text), repr(secret), text.encode("ascii", "backslashreplace").decode(),
  text.encode("ascii", "xmlcharrefreplace").decode(), html.escape(text), urllib.parse.quote(text), json.dumps(json.dumps(text)),
  urllib.parse.quote(json.dumps(text)), text.encode("unicode_escape").decode(), latin]
print(json.dumps(ways))
`;

test.runIf(HAS_PYTHON).each(['pässwörd-für-alle', 'ключ-от-дома-42', 'パスワード-🔑-鍵'])(
  'A-02 a credential beyond ASCII: %s',
  async (secret) => {
    world.client.decide = (question) =>
      grant(question, { kind: { $case: 'query', value: { name: 'key', value: Buffer.from(secret) } } });
    let encode: (text: string) => string = String;
    world.upstream.handle((request, response) => {
      request.resume();
      response.end(encode(new URL(request.url ?? '', 'http://api.test').searchParams.get('key') ?? ''));
    });
    const encoded = execFileSync(PYTHON, ['-c', PYTHON_ECHOES, Buffer.from(secret).toString('base64')]);
    const python: string[] = JSON.parse(encoded.toString());
    const agent = await world.agent();
    const encoders = [String, JSON.stringify, escape, encodeURIComponent, ...python.map((answer) => () => answer)];
    for (encode of encoders) {
      const answer = await agent.exchange(world.request('GET', '/'));
      // Quotes around it, and how they are escaped, may stay.
      expect(answer.text, encode(secret)).toMatch(/^(?:["'b\\]|%5C|%22)*\*+(?:["'\\]|%5C|%22)*$/);
    }
  },
);

test('A-02 a credential that ends with a line break, in JSON', async () => {
  const secret = 'token-from-a-file-1234\n';
  world.client.decide = (question) =>
    grant(question, { kind: { $case: 'query', value: { name: 'key', value: Buffer.from(secret) } } });
  world.upstream.handle((request, response) => {
    request.resume();
    response.end(JSON.stringify({ key: new URL(request.url ?? '', 'http://api.test').searchParams.get('key') }));
  });
  const agent = await world.agent();
  const answer = await agent.exchange(world.request('GET', '/'));
  expect(answer.status).toBe(200);
  expect(answer.text).not.toContain(secret.trim());
});

/** Writes names for all that has one in HTML 5. */
const PHP_ECHO = 'echo htmlentities(base64_decode($argv[1]), ENT_QUOTES | ENT_HTML5);';

test
  .runIf(spawnSync('php', ['-v']).status === 0)
  .each([
    'sk_live_4eC39HqLyjWDarjtT1zdp7dc',
    'eyJhbGciOi.eyJzdWIiOiIx.SflKxwRJSM',
    'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLE==',
    '!"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~',
  ])('A-02 a credential in a page of PHP: %s', async (secret) => {
  world.client.decide = (question) =>
    grant(question, { kind: { $case: 'query', value: { name: 'key', value: Buffer.from(secret) } } });
  const echo = execFileSync('php', ['-r', PHP_ECHO, Buffer.from(secret).toString('base64')]).toString();
  world.upstream.handle((request, response) => {
    request.resume();
    response.end(`<p>Not a key of ours: ${echo}</p>`);
  });
  const agent = await world.agent();
  const answer = await agent.exchange(world.request('GET', '/'));
  expect(answer.text).toMatch(/^<p>Not a key of ours: \*+<\/p>$/);
});

/** Any punctuation of ASCII may stand behind a backslash (CommonMark 0.31 section 2.4). */
const inMarkdown = (text: string): string => text.replaceAll(/[!-/:-@[-`{-~]/g, '\\$&');
const inPerl = (text: string): string => execFileSync('perl', ['-e', 'print quotemeta shift', text]).toString();

test.each([
  ['Markdown', inMarkdown],
  ['Markdown that escapes underscores alone', (text: string) => text.replaceAll('_', '\\_')],
  ["Perl's quotemeta", inPerl],
  ['Markdown within JSON', (text: string) => JSON.stringify(inMarkdown(text)).slice(1, -1)],
])('A-02 a credential with backslashes: %s', async (_name, encode) => {
  for (const secret of [
    'sk_live_4eC39HqLyjWDarjtT1zdp7dc',
    'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLE==',
    '!{a}<b>[c]:~?@^`|;',
  ]) {
    world.client.decide = (question) =>
      grant(question, { kind: { $case: 'query', value: { name: 'key', value: Buffer.from(secret) } } });
    world.upstream.handle((request, response) => {
      request.resume();
      response.end(`No such key: "${encode(secret)}"`);
    });
    const agent = await world.agent();
    const answer = await agent.exchange(world.request('GET', '/'));
    agent.destroy();
    expect(answer.text).toMatch(/^No such key: "\\{0,2}\*+"$/);
  }
});
