import fc from 'fast-check';
import { expect, test } from 'vitest';
import { INSPECTED_FACTS, inspectRequest, makeWish } from '../../common/inspection/inspect.ts';
import { parseStrictJson } from '../../common/inspection/strict-json.ts';
import { Unreadable } from '../../common/inspection/unreadable.ts';
import { StreamListFilter } from '../../proxy/inspection/list-filter.ts';
import { SecretMasker } from '../../proxy/inspection/secret-masker.ts';
import { Refusal } from '../../proxy/refusal.ts';
import { timeBox } from '../support/time-box.ts';

const { seconds: SECONDS, runs: TIME_BOX } = timeBox(5);
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

test('inspection reads or names as unreadable whatever an agent sends, within its bound', {
  timeout: DEADLINE_MS,
}, () => {
  const types = ['application/json', 'application/x-www-form-urlencoded', 'application/graphql', 'text/plain', ''];
  fc.assert(
    fc.property(
      body,
      fc.constantFrom(...types),
      fc.constantFrom('POST', 'GET', 'DELETE'),
      selection,
      broken,
      (text, type, method, selectors, query) => {
        const found = inspectRequest(makeWish(INSPECTED_FACTS, selectors), {
          method,
          path: '/mcp',
          query,
          header: (name) => (name === 'content-type' ? [type] : []),
          declaredBytes: undefined,
          body: Buffer.from(text),
        });
        const missing = new Set<string>(found.unreadable.map(({ fact }) => fact));
        for (const fact of INSPECTED_FACTS) {
          if (fact !== 'mcpArguments') expect(found[fact] === undefined).toBe(missing.has(fact));
        }
        expect(JSON.stringify(found).length).toBeLessThan(300_000);
      },
    ),
    TIME_BOX,
  );
});

const streamText = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        'data:',
        'data: ',
        'event: message',
        'id: 1',
        ': x',
        '\n',
        '\r',
        '\r\n',
        '\n\n',
        '[',
        '{"result":{"tools":[{"name":"no"},{"name":"ok"}]}}',
        '{"result":{}}',
      ),
      broken,
    ),
    { maxLength: 20 },
  )
  .map((pieces) => pieces.join(''));

test('a stream is filtered alike on every cut, and no name that is refused passes', { timeout: DEADLINE_MS }, () => {
  const filterAll = (pieces: readonly Buffer[]): string | undefined =>
    attempt(() => {
      const filter = new StreamListFilter();
      const out = pieces.flatMap((one) => [...filter.push(one), ...settle(filter)]);
      return Buffer.concat([...out, ...filter.end(), ...settle(filter)]).toString('latin1');
    })?.value as string | undefined;
  fc.assert(
    fc.property(streamText, fc.nat(200), (text, cut) => {
      const bytes = Buffer.from(text);
      const once = filterAll([bytes]);
      expect(filterAll([bytes.subarray(0, cut), bytes.subarray(cut)])).toBe(once);
      for (const data of once?.split(/(?:\r\n|\r|\n){2}/) ?? [])
        expect(data).not.toMatch(/^data: ?\{"result":\{"tools":.*"no"/m);
    }),
    TIME_BOX,
  );
});

test('masking is the same on every cut, keeps the length and hides every value', { timeout: DEADLINE_MS }, () => {
  const answer = fc.record({
    before: fc.jsonValue(),
    token: fc.string({ minLength: 1, unit: 'binary' }).map((text) => `§${text}§`),
    after: fc.jsonValue(),
  });
  fc.assert(
    fc.property(answer, fc.nat(300), (value, cut) => {
      const bytes = Buffer.from(JSON.stringify(value));
      const mask = (pieces: readonly Buffer[]): Buffer => {
        const masker = new SecretMasker(new Set(['token']), 'application/json');
        return Buffer.concat(pieces.flatMap((one) => masker.push(one)));
      };
      const once = mask([bytes]);
      expect(mask([bytes.subarray(0, cut), bytes.subarray(cut)])).toEqual(once);
      expect(once).toHaveLength(bytes.length);
      const read = JSON.parse(once.toString()) as { token: string };
      expect(read.token).toMatch(/^\*+$/);
    }),
    TIME_BOX,
  );
});

function settle(filter: StreamListFilter): Buffer[] {
  const out: Buffer[] = [];
  for (let asked = filter.asks; asked !== undefined; asked = filter.asks) {
    out.push(...filter.answer(asked.map(({ name }) => name !== 'no')));
  }
  return out;
}

/** undefined: refused, as it may be; any other error fails the test. */
function attempt(run: () => unknown): { readonly value: unknown } | undefined {
  try {
    return { value: run() };
  } catch (error) {
    if (error instanceof Unreadable || error instanceof Refusal) return undefined;
    throw error;
  }
}
