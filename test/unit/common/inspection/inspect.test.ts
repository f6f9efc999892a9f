import { describe, expect, it } from 'vitest';
import {
  type InspectedFact,
  inspectRequest,
  type InspectionWish,
  makeWish,
} from '../../../../common/inspection/inspect.ts';

const wish = (...facts: InspectedFact[]): InspectionWish => ({
  facts: new Set(facts),
  json: [['model'], ['user', 'id']],
  form: new Set(['Action']),
  mcpArguments: [['path']],
});

interface Sent {
  readonly type?: string;
  readonly encoding?: string;
  readonly body?: string | undefined;
  readonly method?: string;
  readonly path?: string;
  readonly query?: string;
  readonly headers?: Readonly<Record<string, readonly string[]>>;
  readonly declaredBytes?: number;
}

function inspect(asked: InspectionWish, sent: Sent) {
  const headers: Record<string, string | undefined> = { 'content-type': sent.type, 'content-encoding': sent.encoding };
  return inspectRequest(asked, {
    method: sent.method ?? 'POST',
    path: sent.path ?? '/x',
    query: sent.query,
    header: (name) => sent.headers?.[name] ?? (headers[name] === undefined ? [] : [headers[name]]),
    headerNames: Object.keys(sent.headers ?? {}),
    declaredBytes: sent.declaredBytes,
    body: sent.body === undefined ? undefined : Buffer.from(sent.body),
  });
}

const form = (body: string): Sent => ({ type: 'application/x-www-form-urlencoded', body });
const JSON_TYPE = 'application/json; charset=utf-8';

describe('inspectRequest', () => {
  it('reads only what policy asks for', () => {
    const body = JSON.stringify({ model: 'm', messages: ['private'], user: { id: 7, name: 'private' } });
    expect(inspect(wish('json', 'contentType', 'bodyBytes'), { type: JSON_TYPE, body })).toEqual({
      unreadable: [],
      json: '{"model":"m","user":{"id":7}}',
      contentType: 'application/json',
      bodyBytes: body.length,
    });
    const sent = form('Action=GetSessionToken&Secret=private');
    expect(inspect(wish('form'), sent).form).toEqual([{ name: 'Action', value: 'GetSessionToken' }]);
    const call = {
      jsonrpc: '2.0',
      id: 1,
      method: 'tools/call',
      params: { name: 't', arguments: { path: '/a', text: 'private' } },
    };
    const message = { type: JSON_TYPE, body: JSON.stringify(call) };
    expect(inspect(wish('mcp', 'mcpArguments'), message).mcp).toMatchObject({ tool: 't', arguments: '{"path":"/a"}' });
    expect(inspect(wish('mcp'), message).mcp).toMatchObject({ tool: 't', arguments: '' });
  });

  it('reads no body as no fields', () => {
    expect(inspect(wish('json', 'form'), { method: 'GET', body: '' })).toEqual({
      unreadable: [],
      json: '{}',
      form: [],
    });
  });

  // what a rule cannot read, it denies; so it must be told.
  it.each<[string, Sent, string]>([
    ['longer than the limit', { type: JSON_TYPE, body: undefined }, 'longer'],
    ['compressed', { type: JSON_TYPE, encoding: 'gzip', body: '{}' }, 'compressed'],
    ['multipart', { type: 'multipart/form-data; boundary=x', body: '--x--' }, 'not sent as JSON'],
    ['in another charset', { type: 'application/json; charset=utf-16', body: '{}' }, 'charset'],
    ['two content types', { type: 'application/json; a=b, text/plain', body: '{}' }, 'more than one'],
    ['untyped', { body: '{}' }, 'not sent as JSON'],
    ['malformed', { type: JSON_TYPE, body: '{' }, 'not JSON'],
    ['with doubled keys', { type: JSON_TYPE, body: '{"model":"a","model":"b"}' }, 'twice'],
    ['a list', { type: JSON_TYPE, body: '[]' }, 'not an object'],
    ['full of what policy reads', { type: JSON_TYPE, body: JSON.stringify({ model: 'x'.repeat(40_000) }) }, 'too long'],
  ])('names a body as unreadable that is %s', (_title, sent, why) => {
    expect(inspect(wish('json'), sent)).toEqual({ unreadable: [{ fact: 'json', why: expect.stringContaining(why) }] });
  });

  it('keeps what it could read beside what it could not', () => {
    const found = inspect(wish('json', 'form', 'contentType'), { type: JSON_TYPE, body: '{"model":"m"}' });
    expect(found).toMatchObject({ json: '{"model":"m"}', contentType: 'application/json' });
    expect(found.unreadable).toEqual([{ fact: 'form', why: 'it is not sent as a form' }]);
  });

  const rpc = (message: object): Sent => ({
    type: JSON_TYPE,
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, ...message }),
  });

  it.each<[InspectedFact[], Sent, object]>([
    [['graphql'], { method: 'GET', query: 'query=%7Ba%7D', body: '' }, { graphql: { rootFields: ['a'] } }],
    [['graphql'], { type: JSON_TYPE, body: '{"query":"{a}"}' }, { graphql: { rootFields: ['a'] } }],
    [['graphql'], { type: 'application/graphql', body: '{a}' }, { graphql: { rootFields: ['a'] } }],
    [['jsonRpc'], rpc({ method: 'm' }), { jsonRpc: { method: 'm' } }],
    [['jsonRpc'], rpc({ result: 1 }), { jsonRpc: { method: 'response' } }],
    [['a2a'], { path: '/v1/message:send', type: JSON_TYPE, body: '{}' }, { a2a: { method: 'message/send' } }],
    [['mcpArguments', 'mcp'], rpc({ method: 'ping' }), { mcp: { method: 'ping', arguments: '{}' } }],
    [
      ['json'],
      { type: 'Application/Vnd.Api+JSON; Charset="UTF8"; a=b', encoding: ' Identity', body: '{}' },
      { json: '{}' },
    ],
    [['bodyBytes'], { body: undefined, declaredBytes: 70_000 }, { bodyBytes: 70_000 }],
    [['contentType'], {}, { contentType: '' }],
  ])('reads %j of %j', (facts, sent, expected) => {
    const found = inspect(wish(...facts), sent);
    expect(found).toMatchObject({ ...expected, unreadable: [] });
    expect(Object.keys(found)).toHaveLength(2);
  });

  it.each<[InspectedFact, Sent, string]>([
    ['graphql', { method: 'GET', query: 'query=%7Ba%7D', body: 'x' }, 'disagree'],
    ['graphql', { method: 'GET', body: '' }, 'no query'],
    ['graphql', { type: 'application/graphql', body: `{${'a'.repeat(33_000)}}` }, 'too long'],
    ['json', { headers: { 'content-type': ['application/json', 'text/plain'] }, body: '{}' }, 'more than one'],
    ['json', { type: 'application/json; charset =utf-16', body: '{}' }, 'charset'],
    [
      'json',
      { type: 'application/json', headers: { 'content-encoding': ['identity', 'gzip'] }, body: '{}' },
      'compressed',
    ],
    ['contentType', { headers: { 'content-type': ['application/json', 'text/plain'] } }, 'more than one'],
    ['bodyBytes', {}, 'longer than policy reads'],
    ['form', form(`Action=${'a'.repeat(33_000)}`), 'too long'],
    ['form', form('Action=a&action=b'), 'read as the one'],
    ['form', form('Action[]=a'), 'read as the one'],
    ['json', { type: JSON_TYPE, body: '{"user":{"id":9007199254740992}}' }, 'not every server'],
    ['json', { type: JSON_TYPE, body: '{"user":{"id":-1e300}}' }, 'not every server'],
  ])('does not read %s of %j', (fact, sent, why) => {
    expect(inspect(wish(fact), sent)).toEqual({ unreadable: [{ fact, why: expect.stringContaining(why) }] });
  });

  it('takes numbers that are exact, and text and keys of many digits', () => {
    const body = '{"model":"9007199254740993","user":{"id":-9007199254740991},"other":9007199254740993}';
    expect(inspect(wish('json'), { type: JSON_TYPE, body }).json).toBe(
      '{"model":"9007199254740993","user":{"id":-9007199254740991}}',
    );
  });

  it('leaves fields that policy does not read as they may be', () => {
    expect(inspect(wish('form'), form('action2=a&b=c&b[0]=d')).form).toEqual([]);
  });

  it('of a body that is wanted whole takes whatever it is', () => {
    const whole = { ...wish('json'), json: [['model'], []] };
    expect(inspect(whole, { type: JSON_TYPE, body: '[1]' }).json).toBe('[1]');
  });
});

it('a wish names what selectors name', () => {
  const selectors = ['json:/a/b', 'form:/c/d', 'mcp:/e', 'json:', 'header:json:', 'form:'];
  expect(makeWish(['json'], selectors)).toEqual({
    facts: new Set(['json']),
    json: [['a', 'b'], []],
    form: new Set(['c']),
    mcpArguments: [['e']],
  });
});
