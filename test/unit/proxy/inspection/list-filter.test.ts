import { describe, expect, it, test } from 'vitest';
import { InspectedFacts, Route } from '../../../../proto/gen/sidekey/v1/route.ts';
import type { AnswerFilter } from '../../../../proxy/inspection/answer-filter.ts';
import { answerFilterFor, mayFilterAnswer } from '../../../../proxy/inspection/answer-filters.ts';
import { JsonListFilter, StreamListFilter } from '../../../../proxy/inspection/list-filter.ts';
import { HeaderList } from '../../../../proxy/protocols/header-list.ts';

/** Everything that comes out, for bytes in these pieces; `ok*` names are allowed. */
function run(filter: AnswerFilter, pieces: readonly Buffer[]): string {
  const out: Buffer[] = [];
  const settle = (): void => {
    for (let asked = filter.asks; asked !== undefined; asked = filter.asks) {
      out.push(...filter.answer(asked.map(({ name }) => name.startsWith('ok'))));
    }
  };
  for (const piece of pieces) {
    out.push(...filter.push(piece));
    settle();
  }
  out.push(...filter.end());
  settle();
  return Buffer.concat(out).toString();
}

const cuts = (bytes: Buffer): Buffer[][] =>
  Array.from({ length: bytes.length + 1 }, (_, at) => [bytes.subarray(0, at), bytes.subarray(at)]);
const single = (bytes: Buffer): Buffer[] => [...bytes].map((byte) => Buffer.from([byte]));

const LIST = {
  jsonrpc: '2.0',
  id: 1,
  result: { tools: [{ name: 'ok-é', description: 'x' }, { name: 'no' }, { unnamed: true }], nextCursor: 'c' },
};
const KEPT = { ...LIST, result: { tools: [{ name: 'ok-é', description: 'x' }], nextCursor: 'c' } };

describe('JsonListFilter', () => {
  it.each([
    ['tools', LIST, KEPT],
    [
      'resources',
      { result: { resources: [{ uri: 'ok' }, { uri: 'no' }] } },
      { result: { resources: [{ uri: 'ok' }] } },
    ],
    ['templates', { result: { resourceTemplates: [{ uriTemplate: 'no' }] } }, { result: { resourceTemplates: [] } }],
    ['prompts', { result: { prompts: [{ name: 'no' }, { name: 'ok' }] } }, { result: { prompts: [{ name: 'ok' }] } }],
    ['nothing', { result: { content: [] } }, { result: { content: [] } }],
    ['an error', { error: { code: 1 } }, { error: { code: 1 } }],
    ['an empty list', { result: { tools: [] } }, { result: { tools: [] } }],
    ['no object', 'tools', 'tools'],
    ['a result that is none', { result: 'tools' }, { result: 'tools' }],
  ])('leaves out of %s what policy would refuse', (_title, sent, expected) => {
    const bytes = Buffer.from(JSON.stringify(sent));
    for (const pieces of [[bytes], single(bytes)]) {
      expect(JSON.parse(run(new JsonListFilter(), pieces))).toEqual(expected);
    }
  });

  it.each([
    ['a batch', '[{"result":{"tools":[]}}]'],
    ['a doubled key', '{"result":{"tools":[],"tools":[{"name":"no"}]}}'],
    ['a key in another case', '{"result":{"tools":[]},"Result":{"tools":[{"name":"no"}]}}'],
    ['no JSON', 'tools: no'],
    ['too long', `"${'x'.repeat(4_200_000)}"`],
    [
      'too many',
      JSON.stringify({ result: { tools: Array.from({ length: 2_001 }, (_, name) => ({ name: `${name}` })) } }),
    ],
  ])('refuses %s', (_title, text) => {
    expect(() => run(new JsonListFilter(), [Buffer.from(text)])).toThrow(
      expect.objectContaining({ reason: 'answer-refused' }),
    );
  });

  it('leaves everything else as it came: numbers beyond a double, order, escapes, blanks', () => {
    const sent = [
      '{ "id": 9007199254740993, "x": {"tools": [{"name": "no"}]},\r\n "r\\u0065sult": { "a": [[1, 2]], "tools": [',
      ' {"name": "ok", "max": 9223372036854775807, "of": ["a,b", "[", {"tools":[1,2]}]} , 7,"a,][{", {"name":"no"},{"name":"ok2"} ',
      '], "z": "[", "prompts":[], "resourceTemplates": {"x": [1, 2], "y": "[,"},"resources" : [{"uri":"no"}]} , "meta": 1e2}',
    ];
    const kept = [
      '{ "id": 9007199254740993, "x": {"tools": [{"name": "no"}]}, "r\\u0065sult": { "a": [[1, 2]], "tools": [',
      ' {"name": "ok", "max": 9223372036854775807, "of": ["a,b", "[", {"tools":[1,2]}]} ,{"name":"ok2"} ',
      '], "z": "[", "prompts":[], "resourceTemplates": {"x": [1, 2], "y": "[,"},"resources" : []} , "meta": 1e2}',
    ];
    expect(run(new JsonListFilter(), single(Buffer.from(sent.join(''))))).toBe(kept.join(''));
  });

  it('takes 2,000 things', () => {
    const tools = Array.from({ length: 2_000 }, (_, at) => ({ name: `${at}` }));
    expect(run(new JsonListFilter(), [Buffer.from(JSON.stringify({ result: { tools } }))])).toBe(
      '{"result":{"tools":[]}}',
    );
  });

  it('passes an empty answer', () => {
    expect(run(new JsonListFilter(), [])).toBe('');
  });
});

describe('StreamListFilter', () => {
  const text = [
    '\ufeffdata: {"result":{"tools":[{"name":"no"}]}}\n\n',
    ': ping\n\n',
    'event: endpoint\ndata: /messages?session={1}\n\n',
    'id: 6\rdata: {"result":{"tools":[{"name":"no"}]}}\n\n',
    `event: message\r\nid: 7\r\ndata: ${JSON.stringify(LIST)}\r\n\r\n`,
    'id: 8\ndata: {"result":\ndata:{"prompts":[{"name":"no"}]}}\nretry: 5\n\n',
    'data: {"result":{"content":"é"}}\r\r',
    'id: 9\ndata:\n\n',
    'event: ping\ndata: 2026-11-25 07:00\n\n',
    'data: {"cut',
  ].join('');
  const expected = [
    'data: {"result":{"tools":[]}}\n\n',
    ': ping\n\n',
    'event: endpoint\ndata: /messages?session={1}\n\n',
    'id: 6\ndata: {"result":{"tools":[]}}\n\n',
    `event: message\nid: 7\ndata: ${JSON.stringify(KEPT)}\n\n`,
    'id: 8\nretry: 5\ndata: {"result":{"prompts":[]}}\n\n',
    'data: {"result":{"content":"é"}}\r\r',
    'id: 9\ndata:\n\n',
    'event: ping\ndata: 2026-11-25 07:00\n\n',
  ].join('');

  it('filters each event, on every cut', () => {
    const bytes = Buffer.from(text);
    expect(run(new StreamListFilter(), [bytes])).toBe(expected);
    // A line feed that comes late, behind the end of an event that was written anew, is one empty line more.
    const once = (sent: string): string => sent.replace('\n\n\n', '\n\n');
    expect(once(run(new StreamListFilter(), single(bytes)))).toBe(expected);
    for (const pieces of cuts(bytes)) expect(once(run(new StreamListFilter(), pieces))).toBe(expected);
  });

  it.each(['\n', '\r\n', '\r'])('gives all of an event at once whose lines end with %j, on every cut', (end) => {
    const event = `event: endpoint${end}data: /messages${end}${end}`;
    const text = event.repeat(3);
    // At its second CR an event is whole; the line feed behind it goes on with the bytes that bring it.
    const isWhole = (chars: number): boolean =>
      chars % event.length === 0 || (end === '\r\n' && (chars + 1) % event.length === 0);
    for (const pieces of [...cuts(Buffer.from(text)), single(Buffer.from(text))]) {
      const filter = new StreamListFilter();
      let [given, passed] = [0, ''];
      for (const piece of pieces) {
        given += piece.length;
        passed += Buffer.concat(filter.push(piece)).toString();
        let whole = given;
        while (!isWhole(whole)) whole -= 1;
        expect(passed).toBe(text.slice(0, whole));
      }
    }
  });

  it('passes an event as soon as it is complete', () => {
    const filter = new StreamListFilter();
    expect(Buffer.concat(filter.push(Buffer.from('data: {"a":1}\n\ndata: {'))).toString()).toBe('data: {"a":1}\n\n');
  });

  it('holds what comes while it waits for an answer', () => {
    const filter = new StreamListFilter();
    const list = `data: ${JSON.stringify(LIST)}\n\n`;
    expect(filter.push(Buffer.from(list + list))).toEqual([]);
    expect(filter.asks).toEqual([
      { kind: 'tool', name: 'ok-é' },
      { kind: 'tool', name: 'no' },
    ]);
    expect(filter.push(Buffer.from('data: {"b":1}\n\n'))).toEqual([]);
    expect(filter.end()).toEqual([]);
    expect(Buffer.concat(filter.answer([true, false])).toString()).toBe(`data: ${JSON.stringify(KEPT)}\n\n`);
    expect(Buffer.concat(filter.answer([false, false])).toString()).toContain('data: {"b":1}');
    expect(filter.asks).toBeUndefined();
  });

  it.each([
    ['a batch', 'data: [{"result":{"tools":[]}}]\n\n'],
    ['a doubled key', 'data: {"result":{},\ndata: "result":{"tools":[]}}\n\n'],
    ['an endless event', `data: ${'x'.repeat(4_200_000)}`],
  ])('refuses %s', (_title, sent) => {
    expect(() => run(new StreamListFilter(), [Buffer.from(sent)])).toThrow(
      expect.objectContaining({ reason: 'answer-refused' }),
    );
  });
});

describe('answerFilterFor', () => {
  const mcp = (method: string) => InspectedFacts.fromPartial({ mcp: { method } });
  const answer = (type: string) => ({ headers: HeaderList.from([['Content-Type', type]]) });
  const plain = Route.fromPartial({});
  const masked = Route.fromPartial({ maskedAnswerFields: ['token'] });

  it('filters the answers that may list, and no others', () => {
    expect(answerFilterFor(plain, mcp('tools/list'), answer('application/json'))).toBeInstanceOf(JsonListFilter);
    expect(answerFilterFor(plain, mcp('tools/list'), answer('text/event-stream'))).toBeInstanceOf(StreamListFilter);
    expect(answerFilterFor(plain, mcp('http/stream'), answer('text/event-stream; charset=utf-8'))).toBeInstanceOf(
      StreamListFilter,
    );
    expect(answerFilterFor(plain, mcp('tools/list'), answer('text/plain'))).toBeUndefined();
    expect(answerFilterFor(plain, mcp('tools/call'), answer('application/json'))).toBeUndefined();
    expect(answerFilterFor(plain, undefined, answer('application/json'))).toBeUndefined();
    const lengths = [
      [plain, mcp('tools/list'), 'application/json'],
      [plain, mcp('tools/list'), 'text/event-stream'],
      [masked, mcp('tools/list'), 'application/json'],
      [masked, undefined, 'application/json'],
    ] as const;
    expect(lengths.map(([route, facts, type]) => answerFilterFor(route, facts, answer(type))?.keepsLength)).toEqual([
      false,
      false,
      false,
      true,
    ]);
    expect(mayFilterAnswer(plain, mcp('tools/call'))).toBe(false);
    expect(mayFilterAnswer(plain, mcp('prompts/list'))).toBe(true);
    expect(mayFilterAnswer(masked, undefined)).toBe(true);
  });

  it('masks and filters together', () => {
    const filter = answerFilterFor(masked, mcp('tools/list'), answer('application/json'));
    const sent = '{"result":{"tools":[{"name":"ok","token":"abc"},{"name":"no"}]}}';
    expect(filter && run(filter, single(Buffer.from(sent)))).toBe('{"result":{"tools":[{"name":"ok","token":"***"}]}}');
  });

  it('refuses forms in which it cannot mask', () => {
    expect(() => answerFilterFor(masked, undefined, answer('application/grpc'))).toThrow('masked');
  });
});

test('A-53 tiny events go on together, however many one read brings', () => {
  const filter = new StreamListFilter();
  for (const count of [1, 1_000, 300_000]) {
    const pieces = filter.push(Buffer.alloc(count, '\n'));
    expect(pieces.map((piece) => piece.length)).toEqual([count]);
  }
  expect(filter.push(Buffer.from(':a\n\n'.repeat(50_000)))).toHaveLength(1);
});
