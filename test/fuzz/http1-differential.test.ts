import { describe, expect, it } from 'vitest';
import type { Http1Limits } from '../../proxy/protocols/http1/limits.ts';
import { playRequests, playResponses, type Played } from '../support/protocols/http1-play.ts';
import {
  type OracleReading,
  readRequestsWithNode,
  readResponseWithNode,
} from '../support/protocols/node-http-oracle.ts';
import { type Random, seededRandom } from '../support/random.ts';
import { FUZZ_SECONDS, FUZZ_SEED } from '../support/time-box.ts';

/**
 * Two readers that see different messages in the same bytes are how requests are smuggled. So: each message that our
 * reader completes is the one that Node's parser reads at that place, or Node refuses it. We may refuse more.
 */

const LINES = [
  'GET / HTTP/1.1',
  'POST /a?b=c HTTP/1.1',
  'HEAD http://a.example/ HTTP/1.1',
  'OPTIONS * HTTP/1.1',
  'CONNECT a.example:443 HTTP/1.1',
  'GET / HTTP/1.0',
  'PUT /%2e%2E/;x HTTP/1.1',
  'DELETE //a\\b HTTP/1.1',
];
const STATUS_LINES = [
  'HTTP/1.1 200 OK',
  'HTTP/1.1 204 No Content',
  'HTTP/1.1 304 Not Modified',
  'HTTP/1.0 200 OK',
  'HTTP/1.1 100 Continue',
  'HTTP/1.1 404 ',
  'HTTP/1.1 500 Oh \xe9',
  'HTTP/1.1 103 Early Hints',
];
const FIELDS = [
  'Host: a.example',
  'Content-Length: 5',
  'Content-Length: 0',
  'Content-Length: 11',
  'Content-Length: 05',
  'Transfer-Encoding: chunked',
  'Transfer-Encoding: Chunked',
  'Transfer-Encoding: gzip, chunked',
  'Transfer-Encoding: identity',
  'Connection: close',
  'Connection: keep-alive',
  'Connection: upgrade',
  'Upgrade: h2c',
  'Expect: 100-continue',
  'X-A: b',
  'x-a:\tc  ',
  'Trailer: X-A',
  'Connection: close, x-a',
  'Expect: something',
  'Transfer-Encoding: chunked\t',
  'Content-Length : 5',
  ' folded',
  'X-E:',
  'X-\xe9: 1',
];
const BODIES = [
  '1b\r\nabcdefghijklmnopqrstuvwxyz.\r\n0\r\n\r\n',
  '',
  'hello',
  'hello world',
  '0\r\n\r\n',
  '5\r\nhello\r\n0\r\n\r\n',
  '3;a=b\r\nabc\r\n0\r\nX-T: 1\r\n\r\n',
  '5\r\nhello\r\n00\r\n\r\n',
  'A\r\n0123456789\r\n0\r\nX-T: 1\r\n\r\n',
  '1\r\na\r\n1\r\nb\r\n0\r\n\r\n',
  '5\nhello\n0\n\n',
  '5\r\nhello\r\n0\r\nContent-Length: 1\r\n\r\n',
  '00000000000005\r\nhello\r\n0\r\n\r\n',
];
const BYTES = [
  '\r',
  '\n',
  '\r\n',
  '\r\n\r\n',
  '\0',
  ' ',
  '\t',
  ':',
  ',',
  ';',
  '0',
  'f',
  '\x0b',
  '\x7f',
  '\x80',
  '\xff',
  '#',
  '@',
  '\r\n ',
  'chunked',
  'Content-Length: 1\r\n',
  'Transfer-Encoding: chunked\r\n',
  'HTTP/1.1',
  'HTTP/1.0',
  '0\r\n\r\n',
];

function makeStream(random: Random, lines: readonly string[], messages: number): Buffer {
  let text = '';
  for (let count = 0; count < messages; count += 1) {
    const fields = ['Host: a.example'];
    if (random.below(12) === 0) fields.pop();
    for (let field = random.below(4); field > 0; field -= 1) fields.push(random.pick(FIELDS));
    const body = random.pick(BODIES);
    if (random.below(3) === 0) fields.push(`Content-Length: ${body.length}`);
    else if (/^[0-9A-F]+(;.*)?\r\n/i.test(body) && random.below(3) > 0) fields.push('Transfer-Encoding: chunked');
    text += `${random.pick(lines)}\r\n${fields.map((field) => `${field}\r\n`).join('')}\r\n${body}`;
  }
  // Header sections that come again and again are not read anew.
  if (random.below(6) === 0) text = text.repeat(3);
  for (let edits = random.below(4); edits > 0; edits -= 1) {
    const at = random.below(text.length + 1);
    const gone = random.below(2) * random.below(4);
    text = text.slice(0, at) + (random.below(4) > 0 ? random.pick(BYTES) : '') + text.slice(at + gone);
  }
  return Buffer.from(text, 'latin1');
}

/** What Node refuses and we accept, each by its own code, and where alone that is good. */
const STRICTER: { code: string; where: RegExp }[] = [
  // Methods that llhttp does not know.
  { code: 'HPE_INVALID_METHOD', where: /./ },
  { code: 'HPE_INVALID_URL', where: /./ },
  // We skip an upstream's chunk extension without reading its grammar; its line still ends where it ends.
  { code: 'HPE_STRICT', where: /\\n[0-9a-f]+;/i },
  { code: 'HPE_INVALID_CHUNK_SIZE', where: /\\n[0-9a-f]+;/i },
  // llhttp ends the connection after an interim response that says so.
  { code: 'HPE_CLOSED_CONNECTION', where: /HTTP\/1.1 10[03]/ },
];

interface Message {
  start: string;
  headers: [string, string][];
  body: string;
}

/** The messages that our reader completed, up to the first that ends the connection. */
function messagesOf(played: Played): Message[] {
  const messages: Message[] = [];
  let open: Message | undefined;
  let last = false;
  for (const event of played.events as Record<string, unknown>[]) {
    if (event['type'] === 'head') {
      const start =
        'method' in event ? `${event['method']} ${event['target']}` : `${event['status']} ${event['reason']}`;
      open = { start: `${start} ${event['version']}`, headers: event['headers'] as [string, string][], body: '' };
      // Node's parser stops at a request to upgrade, even where its server does not.
      const upgrades = open.headers.some(([name]) => name.toLowerCase() === 'upgrade');
      last = event['keepAlive'] === false || event['method'] === 'CONNECT' || upgrades;
    } else if (event['type'] === 'body' && open) open.body = String(event['text']);
    else if (event['type'] === 'end' && open) {
      messages.push(open);
      if (last) return messages;
    }
  }
  return messages;
}

/** Node has to read the same messages from the bytes that our reader took for them. */
function compare(ours: Message[], oracle: OracleReading, what: string): void {
  if (oracle.error !== undefined && STRICTER.some(({ code, where }) => code === oracle.error && where.test(what)))
    return;
  expect(oracle.error, what).toBeUndefined();
  const theirs = oracle.messages.map(({ start, headers, body }) => ({
    start,
    headers: headers.map(([name, value]) => [name, value.replaceAll(/^[ \t]+|[ \t]+$/g, '')]),
    body,
  }));
  expect(theirs, what).toEqual(ours);
}

function bytesOf(ours: Message[], played: Played, bytes: Buffer): Buffer {
  return bytes.subarray(0, played.ends[ours.length - 1]);
}

function randomPieces(random: Random, bytes: Buffer): Buffer[] {
  const pieces: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = 1 + random.below(random.pick([1, 4, 40, 400]));
    pieces.push(bytes.subarray(at, at + length));
    at += length;
  }
  return pieces;
}

/** Mostly none; else one that these messages come up against. */
function randomLimits(random: Random): Partial<Http1Limits> {
  if (random.below(3) > 0) return {};
  return random.pick([
    { maxHeadBytes: 40 + random.below(100) },
    { maxHeaderCount: random.below(4) },
    { maxTargetBytes: 1 + random.below(20) },
    { maxMethodBytes: 1 + random.below(6) },
    { maxChunkLineBytes: 3 + random.below(8) },
    { maxTrailerBytes: 2 + random.below(20) },
    { maxInformational: random.below(2) },
  ]);
}

async function fuzz(run: (random: Random, what: string) => Promise<number>): Promise<void> {
  const until = Date.now() + (FUZZ_SECONDS * 1_000) / 2;
  let completed = 0;
  for (let seed = FUZZ_SEED; Date.now() < until; seed += 1) {
    completed += await run(seededRandom(seed), `FUZZ_SEED=${seed}`);
  }
  expect(completed, 'the generator makes messages that are accepted').toBeGreaterThan(0);
}

describe('HTTP/1.1 against node:http', () => {
  it('reads requests as Node does, or refuses them', { timeout: FUZZ_SECONDS * 1_000 + 30_000 }, () =>
    fuzz(async (random, what) => {
      const bytes = makeStream(random, LINES, 1 + random.below(3));
      const limits = randomLimits(random);
      const played = playRequests([bytes], true, limits);
      const cut = playRequests(randomPieces(random, bytes), true, limits);
      expect({ ...cut, error: cut.error === undefined }, what).toEqual({
        ...played,
        error: played.error === undefined,
      });
      const ours = messagesOf(played);
      const text = `${what} ${JSON.stringify(bytes.toString('latin1'))}`;
      if (ours.length > 0) compare(ours, await readRequestsWithNode(bytesOf(ours, played, bytes)), text);
      return ours.length;
    }),
  );

  it('reads responses as Node does, or refuses them', { timeout: FUZZ_SECONDS * 1_000 + 30_000 }, () =>
    fuzz(async (random, what) => {
      const method = random.pick(['GET', 'HEAD', 'POST']);
      const bytes = makeStream(random, STATUS_LINES, 1 + random.below(2));
      const limits = randomLimits(random);
      const methods = random.below(2) === 0 ? [method] : [method, method, method];
      const played = playResponses([bytes], methods, true, limits);
      const cut = playResponses(randomPieces(random, bytes), methods, true, limits);
      expect({ ...cut, error: cut.error === undefined }, what).toEqual({
        ...played,
        error: played.error === undefined,
      });
      // Node's client asks once.
      const ours = messagesOf(played).slice(0, 1);
      const text = `${what} ${method} ${JSON.stringify(bytes.toString('latin1'))}`;
      if (ours.length > 0) compare(ours, await readResponseWithNode(method, bytesOf(ours, played, bytes)), text);
      return ours.length;
    }),
  );
});
