import fc from 'fast-check';
import { expect, test } from 'vitest';
import { INSPECTED_FACTS, inspectRequest, makeWish } from '../../common/inspection/inspect.ts';
import { parseStrictJson } from '../../common/inspection/strict-json.ts';
import { Unreadable } from '../../common/inspection/unreadable.ts';
import { timeBox } from '../support/time-box.ts';

const { seconds: SECONDS, runs: TIME_BOX } = timeBox(3);
const DEADLINE_MS = (SECONDS + 30) * 1000;

const key = fc.constantFrom('a', 'A', 'name', 'Name', '\u017f', 's', '__proto__', '\\u0061', 'k', '\u212a', 'é');
const piece = fc.oneof(
  fc.constantFrom(...'{}[],:"\\ \n-1e.+', 'true', 'null', '"a":', '"a"', '\\u0061', '\\ud800', '1e999', '\ufeff'),
  key.map((name) => `"${name}":`),
  fc.string({ unit: 'binary', maxLength: 3 }),
);
const broken = fc.array(piece, { maxLength: 30 }).map((pieces) => pieces.join(''));
const whole = fc.json({ maxDepth: 4 });

test('strict JSON agrees with JSON.parse or refuses, and lets no two keys of one object be alike', {
  timeout: DEADLINE_MS,
}, () => {
  fc.assert(
    fc.property(fc.oneof(broken, whole), (text) => {
      const read = attempt(() => parseStrictJson(Buffer.from(text)));
      if (read === undefined) return;
      expect(read.value).toEqual(JSON.parse(Buffer.from(text).toString()));
      // Printed anew, it has as many keys as before: none was lost as a double.
      const colons = (one: string): number => one.replaceAll(/"(?:[^"\\]|\\.)*"/g, '').split(':').length;
      expect(colons(JSON.stringify(read.value))).toBe(colons(text));
    }),
    TIME_BOX,
  );
});

const selection = fc.array(fc.constantFrom('json:/a', 'json:/a/name', 'json:', 'form:/a', 'mcp:/a', 'mcp:'));
const message = fc.record({
  jsonrpc: fc.constantFrom('2.0', '1.0'),
  id: fc.integer(),
  method: fc.constantFrom('tools/call', 'resources/read', 'completion/complete', 'SendMessage', 'ping'),
  params: fc.oneof(
    fc.jsonValue(),
    fc.dictionary(fc.constantFrom('name', 'uri', 'ref', 'arguments', 'metadata'), fc.jsonValue()),
  ),
});
const body = fc.oneof(
  broken,
  whole,
  message.map((one) => JSON.stringify(one)),
  fc.record({ query: graphqlText() }).map((one) => JSON.stringify(one)),
);

/** Pieces of GraphQL, mostly broken. */
function graphqlText(): fc.Arbitrary<string> {
  const words = [
    '{',
    '}',
    '(',
    ')',
    'query',
    'mutation',
    'fragment',
    'on',
    '...',
    'F',
    'a',
    'b:',
    '@skip(if: true)',
    '"',
    '"""',
    '#',
    '\n',
    '$x',
    '!',
    '[',
  ];
  return fc.array(fc.constantFrom(...words), { maxLength: 30 }).map((all) => all.join(' '));
}

const PATHS = [
  '/mcp',
  '/v1/message:send',
  '/tasks',
  '/tasks/1%3Acancel',
  '/tasks/1/pushNotificationConfigs/2',
  '/card',
];
const formText = fc
  .array(
    fc.constantFrom(
      'a=1',
      'a',
      'A=2',
      'a[]=1',
      '%61=1',
      '%C3%A9=%FF',
      'query={a}',
      'id=1',
      '%',
      ';',
      ' ',
      'operationName=F',
    ),
    {
      maxLength: 4,
    },
  )
  .map((fields) => fields.join('&'));
const head = fc.record({
  'content-type': fc.array(
    fc.constantFrom(
      ...[
        'application/json',
        'application/json; charset=utf-16',
        'application/a+json',
        'application/graphql',
        'text/plain',
      ],
      ...['application/x-www-form-urlencoded', ''],
    ),
    { minLength: 1, maxLength: 2 },
  ),
  'content-encoding': fc.constantFrom([], [], [], ['identity'], ['gzip']),
  accept: fc.constantFrom([], ['application/json, text/event-stream']),
  'mcp-method': fc.constantFrom([], [], ['tools/call'], ['=?base64?cGluZw==?=']),
});

test('inspection reads or names as unreadable whatever an agent sends, within its bound', {
  timeout: DEADLINE_MS,
}, () => {
  const counts = Object.fromEntries(INSPECTED_FACTS.map((fact) => [fact, 0]));
  fc.assert(
    fc.property(
      fc.option(fc.oneof(body, formText), { nil: undefined, freq: 20 }),
      head,
      fc.constantFrom('POST', 'POST', 'GET', 'DELETE'),
      selection,
      fc.tuple(fc.constantFrom(...PATHS), fc.oneof(broken, formText, fc.constant(undefined))),
      (text, fields, method, selectors, [path, query]) => {
        const found = inspectRequest(makeWish(INSPECTED_FACTS, selectors), {
          method,
          path,
          query,
          header: (name) => new Map<string, readonly string[]>(Object.entries(fields)).get(name) ?? [],
          headerNames: Object.keys(fields),
          declaredBytes: undefined,
          body: text === undefined ? undefined : Buffer.from(text),
        });
        const missing = new Set<string>(found.unreadable.map(({ fact }) => fact));
        for (const fact of INSPECTED_FACTS) {
          if (fact !== 'mcpArguments') expect(found[fact] === undefined).toBe(missing.has(fact));
          if (!missing.has(fact)) counts[fact] = (counts[fact] ?? 0) + 1;
        }
        expect(JSON.stringify(found).length).toBeLessThan(300_000);
      },
    ),
    TIME_BOX,
  );
  console.log(JSON.stringify(counts));
});

interface Selections {
  readonly text: string;
  /** Of its own, and of the fragments by their number. */
  readonly fields: readonly string[];
  readonly spreads: readonly number[];
}
const selections = fc.letrec<{ set: Selections; one: Selections }>((tie) => ({
  set: fc.array(tie('one'), { minLength: 1, maxLength: 4 }).map((all) => ({
    text: `{${all.map(({ text }) => text).join(' ')}}`,
    fields: all.flatMap(({ fields }) => fields),
    spreads: all.flatMap(({ spreads }) => spreads),
  })),
  one: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom('a', 'b', 'on', '__typename').map((name) => ({ text: name, fields: [name], spreads: [] })),
    fc.constantFrom('c: d', 'a: b @skip(if: true)', 'e(x: "}{", y: {z: [1]}) {f}').map((text) => {
      const name = /^(?:\w+: )?(\w+)/.exec(text)?.[1] ?? '';
      return { text, fields: [name], spreads: [] };
    }),
    fc.nat({ max: 3 }).map((number) => ({ text: `...F${number}`, fields: [], spreads: [number] })),
    tie('set').map(({ text, ...rest }) => ({ text: `... on T ${text}`, ...rest })),
  ),
})).set;

test('GraphQL: fields at the root are all of those that an operation may come to', { timeout: DEADLINE_MS }, () => {
  const property = fc.property(
    selections,
    fc.array(selections, { maxLength: 4 }),
    fc.boolean(),
    (root, fragments, isGet) => {
      const texts = fragments.map(({ text }, at) => `fragment F${at} on T ${text}`);
      const query = [...texts, `query Q ${root.text}`].join(' ');
      const fields = new Set(root.fields);
      const waiting = [...root.spreads];
      const seen = new Set<number>();
      for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
        if (seen.has(at)) continue;
        seen.add(at);
        for (const name of fragments[at]?.fields ?? []) fields.add(name);
        waiting.push(...(fragments[at]?.spreads ?? []));
      }
      const asked = { query, operationName: 'Q' };
      const { graphql } = inspectRequest(makeWish(['graphql'], []), {
        method: isGet ? 'GET' : 'POST',
        path: '/graphql',
        query: isGet ? new URLSearchParams(asked).toString() : undefined,
        header: (name) => (name === 'content-type' ? ['application/json'] : []),
        headerNames: ['content-type'],
        declaredBytes: undefined,
        body: Buffer.from(isGet ? '' : JSON.stringify(asked)),
      });
      expect(graphql).toEqual({ operationType: 'query', operationName: 'Q', rootFields: [...fields].sort() });
    },
  );
  fc.assert(property, TIME_BOX);
});

/** undefined: refused, as it may be; any other error fails the test. */
function attempt(run: () => unknown): { readonly value: unknown } | undefined {
  try {
    return { value: run() };
  } catch (error) {
    if (error instanceof Unreadable) return undefined;
    throw error;
  }
}
