import { describe, expect, test } from 'vitest';
import { fieldName, HeaderList } from '../../../../../proxy/protocols/header-list.ts';
import { MessageError } from '../../../../../proxy/protocols/http1/message-error.ts';
import {
  acceptFor,
  readOpening,
  readOpeningAnswer,
  writeOpening,
  writeOpeningAnswer,
  writeUpgrade,
} from '../../../../../proxy/protocols/websocket/handshake.ts';

const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
const OUR_KEY = 'AAAAAAAAAAAAAAAAAAAAAA==';
type Changes = Readonly<Record<string, string | readonly string[] | undefined>>;

function headers(base: Readonly<Record<string, string>>, changes: Changes): HeaderList {
  const list = HeaderList.from(Object.entries(base));
  for (const [name, value] of Object.entries(changes)) {
    list.delete(fieldName(name));
    for (const one of value === undefined ? [] : [value].flat()) list.append(name, one);
  }
  return list;
}

const request = (changes: Changes = {}): HeaderList =>
  headers(
    {
      Upgrade: 'websocket',
      Connection: 'keep-alive, Upgrade',
      'Sec-WebSocket-Key': KEY,
      'Sec-WebSocket-Version': '13',
    },
    changes,
  );
const answer = (changes: Changes = {}): HeaderList =>
  headers({ Upgrade: 'WebSocket', Connection: 'upgrade', 'Sec-WebSocket-Accept': acceptFor(OUR_KEY) }, changes);

function codeOf(run: () => unknown): string | undefined {
  try {
    run();
  } catch (error) {
    if (error instanceof MessageError) return error.code;
    throw error;
  }
  return undefined;
}

describe('an opening request', () => {
  test('the accept value of RFC 6455 section 1.3', () => {
    expect(acceptFor(KEY)).toBe('s3pPLMBiTxaQ9kYGzzhZRbK+xOo=');
  });

  test('is read and written anew with our own key', () => {
    const list = request({
      'Sec-WebSocket-Protocol': ['graphql-ws, chat', 'v2'],
      'Sec-WebSocket-Extensions': 'x-webkit-deflate-frame, permessage-deflate; client_max_window_bits',
      Authorization: 'Bearer x',
    });
    const opening = readOpening('GET', list, 'upgrade');
    expect(opening).toMatchObject({ key: KEY, protocols: ['graphql-ws', 'chat', 'v2'] });
    writeOpening(list, opening);
    writeUpgrade(list, OUR_KEY);
    expect([...list]).toEqual([
      ['Authorization', 'Bearer x'],
      ['Sec-WebSocket-Version', '13'],
      ['Sec-WebSocket-Protocol', 'graphql-ws, chat, v2'],
      ['Sec-WebSocket-Extensions', 'permessage-deflate; client_max_window_bits'],
      ['Upgrade', 'websocket'],
      ['Connection', 'Upgrade'],
      ['Sec-WebSocket-Key', OUR_KEY],
    ]);
  });

  test('by extended CONNECT has no key (RFC 8441)', () => {
    const list = HeaderList.from([['sec-websocket-version', '13']]);
    const opening = readOpening('CONNECT', list, 'extended-connect');
    expect(opening.key).toBeUndefined();
    writeOpening(list, opening);
    expect([...list]).toEqual([['Sec-WebSocket-Version', '13']]);
    const agreed = readOpeningAnswer(200, new HeaderList(), opening, undefined);
    expect(agreed).toEqual({ protocol: undefined, deflate: undefined });
  });

  const REFUSED: readonly (readonly [name: string, changes: Changes, method?: string])[] = [
    ['not GET', {}, 'POST'],
    ['no version', { 'Sec-WebSocket-Version': undefined }],
    ['version 8', { 'Sec-WebSocket-Version': '8' }],
    ['two versions', { 'Sec-WebSocket-Version': ['13', '13'] }],
    ['no key', { 'Sec-WebSocket-Key': undefined }],
    ['two keys', { 'Sec-WebSocket-Key': [KEY, KEY] }],
    ['a key of 15 bytes', { 'Sec-WebSocket-Key': Buffer.alloc(15).toString('base64') }],
    ['a key with stray bits', { 'Sec-WebSocket-Key': 'AAAAAAAAAAAAAAAAAAAAAB==' }],
    ['an upgrade beside', { Upgrade: 'websocket, h2c' }],
    ['Connection without upgrade', { Connection: 'keep-alive' }],
    ['a subprotocol twice', { 'Sec-WebSocket-Protocol': 'a, a' }],
    ['a subprotocol that is no token', { 'Sec-WebSocket-Protocol': 'a b' }],
    ['malformed extensions', { 'Sec-WebSocket-Extensions': 'permessage-deflate; =1' }],
    ['an unfinished extension', { 'Sec-WebSocket-Extensions': 'permessage-deflate;' }],
    ['extensions without end', { 'Sec-WebSocket-Extensions': 'a, '.repeat(1_000) }],
  ];
  test.each(REFUSED.map(([name, changes, method]) => ({ name, changes, method })))(
    'with $name is refused',
    (refused) => {
      const { changes, method = 'GET' } = refused;
      expect(codeOf(() => readOpening(method, request(changes), 'upgrade'))).toBe('bad-request');
    },
  );
});

describe("the upstream's answer", () => {
  const opening = readOpening(
    'GET',
    request({
      'Sec-WebSocket-Protocol': 'chat',
      'Sec-WebSocket-Extensions': 'permessage-deflate; server_max_window_bits=12',
    }),
    'upgrade',
  );
  const read = (changes: Changes = {}, status = 101) => readOpeningAnswer(status, answer(changes), opening, OUR_KEY);

  test('is read and written anew for the agent', () => {
    const list = answer({
      'Sec-WebSocket-Protocol': 'chat',
      'Sec-WebSocket-Extensions': 'permessage-deflate; server_max_window_bits="10"',
    });
    const agreed = readOpeningAnswer(101, list, opening, OUR_KEY);
    expect(agreed).toMatchObject({ protocol: 'chat', deflate: { serverMaxWindowBits: 10 } });
    writeOpeningAnswer(list, opening, agreed ?? { protocol: undefined, deflate: undefined });
    expect([...list]).toEqual([
      ['Upgrade', 'websocket'],
      ['Connection', 'Upgrade'],
      ['Sec-WebSocket-Accept', acceptFor(KEY)],
      ['Sec-WebSocket-Protocol', 'chat'],
      ['Sec-WebSocket-Extensions', 'permessage-deflate; server_max_window_bits=10'],
    ]);
  });

  test('may choose neither subprotocol nor extension, or decline', () => {
    expect(read()).toEqual({ protocol: undefined, deflate: undefined });
    expect(read({}, 403)).toBeUndefined();
    expect(read({}, 200)).toBeUndefined();
  });

  const WRONG: readonly (readonly [name: string, changes: Changes])[] = [
    ['no accept value', { 'Sec-WebSocket-Accept': undefined }],
    ["the accept value of the agent's key", { 'Sec-WebSocket-Accept': acceptFor(KEY) }],
    ['two accept values', { 'Sec-WebSocket-Accept': [acceptFor(OUR_KEY), acceptFor(OUR_KEY)] }],
    ['another upgrade', { Upgrade: 'h2c' }],
    ['no Connection', { Connection: undefined }],
    ['a subprotocol that was not offered', { 'Sec-WebSocket-Protocol': 'soap' }],
    ['two subprotocols', { 'Sec-WebSocket-Protocol': ['chat', 'chat'] }],
    ['an extension that was not offered', { 'Sec-WebSocket-Extensions': 'x-frames' }],
    ['two extensions', { 'Sec-WebSocket-Extensions': 'permessage-deflate, permessage-deflate' }],
    ['a window wider than asked', { 'Sec-WebSocket-Extensions': 'permessage-deflate' }],
    ['malformed extensions', { 'Sec-WebSocket-Extensions': '"' }],
  ];
  test.each(WRONG)('with %s is malformed', (_, changes) => {
    expect(codeOf(() => read(changes))).toBe('upstream-malformed');
  });
});
