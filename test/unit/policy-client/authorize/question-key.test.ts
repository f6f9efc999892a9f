import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  hasUnknownFact,
  questionFacts,
  questionKey,
  QuestionKeys,
} from '../../../../policy-client/authorize/question-key.ts';
import type { Question } from '../../../../policy-client/index.ts';
import { DecisionFact, InspectedFacts, Route } from '../../../../proto/gen/sidekey/v1/route.ts';
import { question } from '../../../support/policy-client/policy-client.ts';

// Few letters and the key's own separators, so that collisions would be found.
const text = fc.string({ unit: fc.constantFrom('a', '1', ':', ' ', '\0', 'p', 'q', 'h', ';'), maxLength: 4 });
const header = fc.record({ name: text, value: text });

const anyQuestion = fc
  .record({
    scheme: fc.constantFrom('http', 'https'),
    host: text,
    port: fc.nat(11),
    method: text,
    path: text,
    query: fc.option(text, { nil: undefined }),
    headers: fc.array(header, { maxLength: 2 }),
    serverWorkload: text,
    decisionFacts: fc.subarray([1, 2, 3] as const),
  })
  .map(
    ({ scheme, host, port, serverWorkload, decisionFacts, ...rest }): Question => ({
      ...rest,
      destination: { scheme, host, port },
      route: Route.fromPartial({ serverWorkload, decisionFacts: [...decisionFacts] }),
    }),
  );

const inspected = (json: string) => InspectedFacts.fromPartial({ json });

/** Questions that differ from `one` in the part named alone. */
const others: [string, (one: Question) => Partial<Question>][] = [
  ['server workload', ({ route }) => ({ route: { ...route, serverWorkload: `${route.serverWorkload}a` } })],
  ['scheme', ({ destination }) => ({ destination: { ...destination, scheme: `${destination.scheme}x` } })],
  ['host', ({ destination }) => ({ destination: { ...destination, host: `${destination.host}a` } })],
  ['port', ({ destination }) => ({ destination: { ...destination, port: destination.port + 1 } })],
  ['method', ({ method }) => ({ method: `${method}a` })],
  ['path', ({ path }) => ({ path: `${path}a` })],
  ['query', ({ query }) => ({ query: `${query ?? ''}a` })],
  ['query that is there, if empty', ({ query }) => ({ query: query === undefined ? '' : undefined })],
  [
    'name of a header',
    ({ headers }) => ({ headers: headers?.map(({ name, value }) => ({ name: `${name}a`, value })) }),
  ],
  [
    'value of a header',
    ({ headers }) => ({ headers: headers?.map(({ name, value }) => ({ name, value: `${value}a` })) }),
  ],
  ['number of headers', ({ headers = [] }) => ({ headers: headers.slice(1) })],
  ['body', () => ({ inspected: inspected('{"a":2}') })],
  ['body, which was not read', () => ({ inspected: undefined })],
  ['dry run', () => ({ dryRun: true })],
];

const withAllFacts = anyQuestion.map(
  (one): Question => ({
    ...one,
    headers: [{ name: 'a', value: '1' }, ...(one.headers ?? [])],
    inspected: inspected('{"a":1}'),
    route: { ...one.route, decisionFacts: [1, 2, 3] },
  }),
);

describe('questionKey', () => {
  it.each(others)('is another when the %s differs', (_part, change) => {
    fc.assert(
      fc.property(withAllFacts, (one) => {
        expect(questionKey({ ...one, ...change(one) }, 's')).not.toBe(questionKey(one, 's'));
      }),
      { numRuns: 20 },
    );
  });

  it('is the same only for the same tuple', () => {
    const tuple = (one: Question) => [
      one.route.serverWorkload,
      one.destination,
      one.route.decisionFacts,
      questionFacts(one),
      one.route.decisionFacts.includes(2) ? one.query === undefined : '',
    ];
    fc.assert(
      fc.property(anyQuestion, anyQuestion, (a, b) => {
        const same = JSON.stringify(tuple(a)) === JSON.stringify(tuple(b));
        expect(questionKey(a, 's') === questionKey(b, 's')).toBe(same);
      }),
      { numRuns: 2_000 },
    );
  });

  it('holds the session', () => {
    expect(questionKey(question(), 's1')).not.toBe(questionKey(question(), 's2'));
  });

  it('leaves out what the route does not ask for, and so does the question sent', () => {
    const route = Route.fromPartial({ serverWorkload: 'api' });
    const one = question({ route, path: '/a', query: 'x=1', headers: [{ name: 'a', value: 'b' }] });
    expect(questionKey(one, 's')).toBe(questionKey(question({ route, path: '/b' }), 's'));
    expect(questionFacts(one)).toEqual({ method: 'GET', path: '', query: '', headers: [], inspected: undefined });
  });

  it('goes with the facts that are sent: those that the route reads, of headers those that it names', () => {
    const header = (name: string) => ({ name, value: '1' });
    const sent = (selectors: string[]) => {
      const route = Route.fromPartial({ decisionFacts: [1, 2, 3], selectors });
      const headers = ['X-Org', 'x_org', 'Other'].map(header);
      return questionFacts(question({ route, path: '/a', query: 'x=1', headers, inspected: inspected('{}') }));
    };
    expect(sent(['header:x-org', 'json:/a'])).toEqual({
      method: 'GET',
      path: '/a',
      query: 'x=1',
      headers: [header('X-Org'), header('x_org')],
      inspected: InspectedFacts.fromPartial({ json: '{}', selectors: ['header:x-org', 'json:/a'] }),
    });
    for (const selectors of [[], ['json:/a'], ['header:x-org', 'header:*']]) {
      expect(sent(selectors).headers.map(({ name }) => name)).toEqual(['X-Org', 'x_org', 'Other']);
    }
    const route = Route.fromPartial({ decisionFacts: [2], selectors: ['json:/a'] });
    expect(questionFacts(question({ route }))).toMatchObject({ query: '', inspected: { selectors: ['json:/a'] } });
  });

  it('notices a fact of a newer control plane', () => {
    const facts = (decisionFacts: number[]) =>
      question({ route: { ...question().route, decisionFacts: decisionFacts as [] } });
    expect(hasUnknownFact(facts([1, 2, 3]))).toBe(false);
    expect(hasUnknownFact(facts([1, 12]))).toBe(false);
    expect(hasUnknownFact(facts([1, 13]))).toBe(true);
    expect(hasUnknownFact(facts([0]))).toBe(true);
  });
});

describe('QuestionKeys', () => {
  it.each(others)('gives another key when the %s differs from the last question', (_part, change) => {
    for (const decisionFacts of [[], [1], [2], [1, 2, 3]] as const) {
      fc.assert(
        fc.property(withAllFacts, (any) => {
          const keys = new QuestionKeys();
          const one = { ...any, route: { ...any.route, decisionFacts: [...decisionFacts] } };
          const other = { ...one, ...change(one) };
          keys.of(one, 's');
          expect(keys.of(other, 's')).toBe(questionKey(other, 's'));
          expect(keys.of(other, 't')).toBe(questionKey(other, 't'));
        }),
        { numRuns: 10 },
      );
    }
  });

  it('gives the key of each question, whatever was asked before', () => {
    const decisionFacts = [DecisionFact.DECISION_FACT_PATH];
    const routes = [
      Route.fromPartial({ serverWorkload: 'a' }),
      Route.fromPartial({ serverWorkload: 'b' }),
      Route.fromPartial({ serverWorkload: 'a', decisionFacts }),
    ];
    const oneOf = fc.record({
      one: anyQuestion,
      route: fc.constantFrom(...routes),
      session: fc.constantFrom('s', 't'),
    });
    fc.assert(
      fc.property(fc.array(oneOf, { maxLength: 6 }), (asked) => {
        const keys = new QuestionKeys();
        for (const { one, route, session } of asked) {
          const routed = { ...one, route };
          const changes = [{}, { method: 'PUT' }, { path: '/other' }, { path: '/other', dryRun: true }];
          for (const each of [one, ...changes.map((change) => ({ ...routed, ...change }))]) {
            expect(keys.of(each, session)).toBe(questionKey(each, session));
          }
        }
      }),
    );
  });
});
