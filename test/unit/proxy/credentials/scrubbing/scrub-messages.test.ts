import { expect, test } from 'vitest';
import { Secret } from '../../../../../common/secret.ts';
import { compileScrubber } from '../../../../../proxy/credentials/scrubbing/scrub.ts';
import { scrubBody } from '../../../../../proxy/credentials/scrubbing/scrub-messages.ts';
import { HeaderList } from '../../../../../proxy/protocols/header-list.ts';

const SECRET = 'sk-live-4f9a+Zq/7Kc=81xYtWm';
const MASKED = '*'.repeat(SECRET.length);

function message(text: string, flags = 0): Buffer {
  const bytes = Buffer.from(text);
  const prefix = Buffer.from([flags, 0, 0, 0, 0]);
  prefix.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([prefix, bytes]);
}

function scrubOf(type: string, isInside = false) {
  const scrubber = compileScrubber([new Secret(SECRET)]);
  if (scrubber === undefined) throw new Error('nothing to scrub');
  const headers = new HeaderList();
  headers.append('content-type', type);
  return scrubBody(scrubber, headers, isInside);
}

/** What comes out of the body in pieces that end at these places. */
function scrub(type: string, body: Buffer, cuts: readonly number[]) {
  const scrubbed = scrubOf(type);
  const ends = [...cuts, body.length];
  const out = ends.flatMap((end, at) => scrubbed.push(Buffer.from(body.subarray(ends[at - 1] ?? 0, end))));
  const bytes = Buffer.concat([...out, ...scrubbed.end()]);
  return { text: bytes.toString('latin1'), hits: scrubbed.hits };
}

test.each([
  'application/grpc',
  'application/grpc+proto',
  'application/grpc-web',
  'application/connect+json; charset=utf-8',
])('%s: each message is scrubbed by itself, at every cut', (type) => {
  const told = (secret: string) =>
    Buffer.concat([message(`a ${secret}`), message(''), message(secret), message(`{"x":"${secret}"}`, 2)]);
  const body = told(SECRET);
  const clean = { text: told(MASKED).toString('latin1'), hits: 3 };
  for (let cut = 0; cut <= body.length; cut += 1) expect(scrub(type, body, [cut]), `cut at ${cut}`).toEqual(clean);
  const everywhere = Array.from(body, (_, at) => at);
  expect(scrub(type, body, everywhere)).toEqual(clean);
});

test('all of a message leaves with its last byte', () => {
  const scrubbed = scrubOf('application/grpc');
  for (const text of ['', 's', SECRET.slice(0, 7), '\\u00', 'a%']) {
    expect(Buffer.concat(scrubbed.push(message(text)))).toEqual(message(text));
  }
  // Eight characters of a secret are enough to be known by.
  expect(Buffer.concat(scrubbed.push(message(SECRET.slice(0, 8))))).toEqual(message('*'.repeat(8)));
});

test('what flags and types are of messages: nothing of them waits for more, and all else may', () => {
  for (const flags of [0, 1, 2, 3, 0x80, 0x81]) {
    expect(Buffer.concat(scrubOf('Application/gRPC').push(message('s', flags)))).toEqual(message('s', flags));
  }
  for (const flags of [4, 8, 0x40]) {
    expect(Buffer.concat(scrubOf('application/grpc').push(message('s', flags)))).toHaveLength(5);
  }
});

test('what is held back of a message waits for the rest of it, of another body for a lull alone', () => {
  const body = message('a sk-l');
  const inMessage = scrubOf('application/grpc');
  expect(Buffer.concat(inMessage.push(body.subarray(0, 9)))).toEqual(body.subarray(0, 7));
  expect([inMessage.heldBytes, inMessage.lull()]).toEqual([2, []]);
  expect(Buffer.concat(inMessage.push(body.subarray(9)))).toEqual(body.subarray(7));
  expect([inMessage.heldBytes, inMessage.lull()]).toEqual([0, []]);
  const other = scrubOf('application/grpc');
  expect(Buffer.concat(other.push(Buffer.from('hello, sk-l'))).toString()).toBe('hello, ');
  expect(other.heldBytes).toBe(4);
  expect([Buffer.concat(other.lull()).toString(), other.heldBytes]).toEqual(['sk-l', 0]);
});

test('of nothing, nothing comes: an empty chunk would end the body', () => {
  const scrubbed = scrubOf('application/grpc');
  expect(scrubbed.end()).toEqual([]);
  for (const body of [message(''), message('a')]) {
    const other = scrubOf('application/grpc');
    expect(Buffer.concat(other.push(body))).toEqual(body);
    expect(other.end()).toEqual([]);
  }
});

test('a body that has no messages, whatever its type says, is scrubbed as one', () => {
  for (const body of [SECRET, `the ${SECRET} is here, and ${SECRET}`]) {
    for (let cut = 0; cut <= body.length; cut += 1) {
      expect(scrub('application/grpc', Buffer.from(body), [cut]).text).toBe(body.replaceAll(SECRET, MASKED));
    }
  }
});

test('what a body that is cut short leaves of a prefix or a message goes on, scrubbed', () => {
  const body = message(`a ${SECRET} b`);
  for (let end = 0; end <= body.length; end += 1) {
    const { text } = scrub('application/grpc', body.subarray(0, end), []);
    expect(text).toHaveLength(end);
    expect(text).not.toContain(SECRET.slice(0, 8));
  }
});

test('other types, and parts of a body, are not taken for messages', () => {
  for (const [type, isInside] of [
    ['text/plain', false],
    ['application/grpc-web-text', false],
    ['application/grpc', true],
  ] as const) {
    const scrubbed = scrubOf(type, isInside);
    const out = Buffer.concat([
      ...scrubbed.push(message(SECRET.slice(0, 5))),
      ...scrubbed.push(Buffer.from(SECRET.slice(5))),
    ]);
    expect(Buffer.concat([out, ...scrubbed.end()]).toString('latin1')).toContain(MASKED);
  }
});

test('text that the agent has made look like messages hides no secret', () => {
  // Its own words before the secret are a prefix whose length are the first characters, or that ends among them.
  for (const flags of ['\0', '\x01', '\x02', '\x80']) {
    const body = Buffer.from(`${flags}${SECRET} and more`, 'latin1');
    for (let cut = 0; cut <= body.length; cut += 1) {
      expect(scrub('application/grpc', body, [cut]).text).toBe(`${flags}${MASKED} and more`);
    }
  }
  for (let ahead = 0; ahead < 8; ahead += 1) {
    const body = Buffer.concat([message('x'.repeat(ahead)).subarray(0, 5), Buffer.from(`${SECRET} and more`)]);
    for (let cut = 0; cut <= body.length; cut += 1) {
      expect(scrub('application/grpc', body, [cut]).text, `${ahead}, ${cut}`).not.toContain(SECRET.slice(8, 16));
    }
  }
});
