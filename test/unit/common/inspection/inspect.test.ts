import { describe, expect, it } from 'vitest';
import { type InspectedFact, inspectRequest, type InspectionWish } from '../../../../common/inspection/inspect.ts';

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
}

function inspect(asked: InspectionWish, sent: Sent) {
  const headers: Record<string, string | undefined> = { 'content-type': sent.type, 'content-encoding': sent.encoding };
  return inspectRequest(asked, {
    method: sent.method ?? 'POST',
    path: '/x',
    query: undefined,
    header: (name) => (headers[name] === undefined ? [] : [headers[name]]),
    declaredBytes: undefined,
    body: sent.body === undefined ? undefined : Buffer.from(sent.body),
  });
}

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
    const form = { type: 'application/x-www-form-urlencoded', body: 'Action=GetSessionToken&Secret=private' };
    expect(inspect(wish('form'), form).form).toEqual([{ name: 'Action', value: 'GetSessionToken' }]);
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
});
