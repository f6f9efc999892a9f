import { describe, expect, it } from 'vitest';
import { inspectedKey } from '../../../../policy-client/authorize/inspected-key.ts';
import { type DeepPartial, InspectedFacts } from '../../../../proto/gen/sidekey/v1/route.ts';

const LONG = 'x'.repeat(1_000);
const FACTS = {
  unreadable: [{ fact: 4, why: '' }],
  bodyBytes: 10,
  contentType: 'application/json',
  json: '{"a":1}',
  form: { fields: [{ name: 'a', value: '1' }] },
  graphql: { operationType: 'query', operationName: 'Q', rootFields: ['a', 'b'] },
  jsonRpc: { method: 'm' },
  mcp: { method: 'tools/call', tool: 'search', resource: 'r', prompt: 'p', arguments: '{"q":1}' },
  a2a: { method: 'message/send', skill: 's', setsCallback: false },
} as const satisfies DeepPartial<InspectedFacts>;

const keyOf = (changes: DeepPartial<InspectedFacts>): string =>
  inspectedKey(InspectedFacts.fromPartial({ ...FACTS, ...changes }));

/** No two of these calls may be answered by one held grant. */
const CALLS: Record<string, DeepPartial<InspectedFacts>> = {
  'as it is': {},
  'a fact that could be read': { unreadable: [] },
  'another fact that could not be read': { unreadable: [{ fact: 5, why: '' }] },
  'another reason why, which a denial tells': { unreadable: [{ fact: 4, why: 'the body is compressed' }] },
  'another length': { bodyBytes: 11 },
  'no length': { bodyBytes: undefined },
  'another type': { contentType: 'text/plain' },
  'no type': { contentType: undefined },
  'an empty type': { contentType: '' },
  'another body': { json: '{"a":2}' },
  'a long body': { json: LONG },
  'another long body': { json: `${LONG}y` },
  'no body': { json: undefined },
  'another value of a field': { form: { fields: [{ name: 'a', value: '2' }] } },
  'another name of a field': { form: { fields: [{ name: 'b', value: '1' }] } },
  'one field more': { form: { fields: [...FACTS.form.fields, { name: 'b', value: '1' }] } },
  'no form': { form: undefined },
  'a mutation': { graphql: { ...FACTS.graphql, operationType: 'mutation' } },
  'another operation': { graphql: { ...FACTS.graphql, operationName: 'R' } },
  'another root field': { graphql: { ...FACTS.graphql, rootFields: ['a', 'c'] } },
  'no GraphQL': { graphql: undefined },
  'another method': { jsonRpc: { method: 'n' } },
  'no JSON-RPC': { jsonRpc: undefined },
  'another MCP method': { mcp: { ...FACTS.mcp, method: 'tools/list' } },
  'another tool': { mcp: { ...FACTS.mcp, tool: 'delete' } },
  'another resource': { mcp: { ...FACTS.mcp, resource: 's' } },
  'another prompt': { mcp: { ...FACTS.mcp, prompt: 'q' } },
  'other arguments': { mcp: { ...FACTS.mcp, arguments: '{"q":2}' } },
  'no MCP': { mcp: undefined },
  'another A2A method': { a2a: { ...FACTS.a2a, method: 'tasks/cancel' } },
  'another skill': { a2a: { ...FACTS.a2a, skill: 't' } },
  'an address for notifications': { a2a: { ...FACTS.a2a, setsCallback: true } },
  'no A2A': { a2a: undefined },
};

describe('inspectedKey', () => {
  it('is another for every call that a policy may tell from others', () => {
    const seen = new Map<string, string>();
    for (const [what, changes] of Object.entries(CALLS)) {
      const key = keyOf(changes);
      expect(seen.get(key), what).toBeUndefined();
      seen.set(key, what);
    }
  });

  it('is the same for the same call', () => {
    expect(keyOf({ json: LONG })).toBe(keyOf({ json: LONG }));
  });

  it('does not hold long bodies', () => {
    expect(keyOf({ json: LONG })).not.toContain(LONG.slice(0, 200));
    expect(keyOf({ json: LONG }).length).toBeLessThan(keyOf({}).length + 100);
  });
});
