import { describe, expect, it, test } from 'vitest';
import { Route } from '../../../../proto/gen/sidekey/v1/route.ts';
import { actionOf } from '../../../../proxy/inspection/action.ts';
import { planInspection, readFacts } from '../../../../proxy/inspection/plan.ts';
import { HeaderList } from '../../../../proxy/protocols/header-list.ts';

const [BODY_BYTES, JSON_FACT, FORM, GRAPHQL, MCP] = [4, 6, 7, 8, 10] as const;

function plan(facts: number[], headers: [string, string][], declaredBytes?: number) {
  const route = Route.fromPartial({
    decisionFacts: facts as [],
    selectors: ['form:/Action', 'json:/model', 'mcp:/path'],
    inspectLimitBytes: 1_000,
  });
  const head = {
    method: 'POST',
    path: '/',
    query: undefined,
    headers: HeaderList.from(headers),
    declaredBytes,
    opensWebSocket: false,
  };
  return { head, plan: planInspection(route, head) };
}

const JSON_TYPE: [string, string] = ['Content-Type', 'application/json'];

describe('planInspection', () => {
  it.each<[string, number[], [string, string][], number | undefined, number | 'none']>([
    ['nothing of the body is read', [1, 2, 3], [JSON_TYPE], undefined, 'none'],
    ['JSON is read', [JSON_FACT], [JSON_TYPE], 10, 1_000],
    ['JSON is read, and something else is sent', [JSON_FACT], [['Content-Type', 'image/png']], 10, 0],
    ['JSON is read, and it is compressed', [JSON_FACT], [JSON_TYPE, ['Content-Encoding', 'br']], 10, 0],
    ['a form is read, and JSON is sent', [FORM], [JSON_TYPE], 10, 0],
    ['the length is declared', [BODY_BYTES], [['Content-Type', 'image/png']], 10, 0],
    ['the length is not declared', [BODY_BYTES], [['Content-Type', 'image/png']], undefined, 1_000],
    ['there is no body', [MCP], [], 0, 1_000],
    ['it is as long as may be', [JSON_FACT], [JSON_TYPE], 1_000, 1_000],
    ['it is longer', [JSON_FACT], [JSON_TYPE], 1_001, 0],
    ['JSON of unknown length', [JSON_FACT], [JSON_TYPE], undefined, 1_000],
    ['a form is read', [FORM], [['Content-Type', 'application/x-www-form-urlencoded']], 10, 1_000],
    ['JSON is read, and a form is sent', [JSON_FACT], [['Content-Type', 'application/x-www-form-urlencoded']], 10, 0],
    ['a query alone is sent', [GRAPHQL], [['Content-Type', 'application/graphql']], 10, 1_000],
    ['JSON is read, and a query alone is sent', [JSON_FACT], [['Content-Type', 'application/graphql']], 10, 0],
  ])('waits for the body as far as it matters: %s', (_title, facts, headers, declared, expected) => {
    const made = plan(facts, headers, declared).plan;
    expect(made === 'none' ? made : made.limitBytes).toBe(expected);
  });
});

describe('readFacts', () => {
  it('gives the wire form, of what the route names alone', () => {
    const { head, plan: made } = plan([JSON_FACT, FORM], [JSON_TYPE], 30);
    if (made === 'none') throw new Error('must be planned');
    expect(readFacts(made, head, Buffer.from('{"model":"m","other":1}'))).toMatchObject({
      json: '{"model":"m"}',
      form: undefined,
      unreadable: [{ fact: FORM, why: 'it is not sent as a form' }],
    });
    expect(readFacts(made, head, undefined).unreadable.map(({ fact }) => fact)).toEqual([JSON_FACT, FORM]);
  });
});

test('of a WebSocket nothing is read, and nothing waited for', () => {
  const all = [4, 5, 6, 7, 8, 9, 10, 11, 12];
  const { head } = plan(all, [JSON_TYPE], 0);
  const opening = { ...head, opensWebSocket: true };
  const made = planInspection(Route.fromPartial({ decisionFacts: all as [], inspectLimitBytes: 1_000 }), opening);
  if (made === 'none') throw new Error('must be planned');
  expect(made.limitBytes).toBe(0);
  expect(readFacts(made, opening, Buffer.from('{}')).unreadable.map(({ fact }) => fact)).toEqual(all);
});

test('lists keep what is in them on the wire', () => {
  const form = plan([FORM], [['Content-Type', 'application/x-www-form-urlencoded']], 9);
  const graphql = plan([GRAPHQL], [JSON_TYPE], 15);
  if (form.plan === 'none' || graphql.plan === 'none') throw new Error('must be planned');
  expect(readFacts(form.plan, form.head, Buffer.from('Action=a&b=c')).form?.fields).toEqual([
    { name: 'Action', value: 'a' },
  ]);
  expect(readFacts(graphql.plan, graphql.head, Buffer.from('{"query":"{b a}"}')).graphql?.rootFields).toEqual([
    'a',
    'b',
  ]);
});

describe('actionOf', () => {
  const mcp = { method: 'tools/call', tool: 'search', resource: '', prompt: '', arguments: '' };
  const none = {
    unreadable: [],
    selectors: [],
    form: undefined,
    graphql: undefined,
    jsonRpc: undefined,
    mcp: undefined,
    a2a: undefined,
  };
  it.each([
    [{ ...none, mcp }, undefined, 'mcp:tools/call search'],
    [
      { ...none, graphql: { operationType: 'mutation', operationName: '', rootFields: ['a', 'b'] } },
      undefined,
      'graphql:mutation a,b',
    ],
    [{ ...none, a2a: { method: 'message/send', skill: '', setsCallback: false } }, undefined, 'a2a:message/send'],
    [{ ...none, jsonRpc: { method: 'eth_call' } }, undefined, 'json-rpc:eth_call'],
    [undefined, 'application/grpc+proto', 'grpc:pkg.Svc/Get'],
    [undefined, 'application/json', ''],
  ])('%#', (facts, type, expected) => {
    expect(actionOf('/pkg.Svc/Get', type, facts)).toBe(expected);
  });
});
