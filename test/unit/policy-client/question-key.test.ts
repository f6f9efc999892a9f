import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hasUnknownFact, questionFacts, questionKey, QuestionKeys } from '../../../policy-client/question-key.ts';
import type { Question } from '../../../policy-client/index.ts';
import { DecisionFact, Route } from '../../../proto/gen/sidekey/v1/route.ts';
import { question } from '../../support/policy-client.ts';

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

describe('questionKey', () => {
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
