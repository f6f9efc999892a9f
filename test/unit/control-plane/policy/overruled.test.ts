import { expect, it } from 'vitest';
import { compilePolicySet } from '../../../../control-plane/policy/compile.ts';
import { decide } from '../../../../control-plane/policy/decide.ts';
import { findOverruled } from '../../../../control-plane/policy/overruled.ts';
import { RevocationSet } from '../../../../control-plane/policy/revocations.ts';
import { seededRandom } from '../../../support/random.ts';
import { policySet, REQUEST, SESSION } from '../../../support/control-plane/policy-set.ts';

const AGENT = { clientWorkload: 'agent', serverWorkload: 'api' };
const ALL = { ...AGENT, clientWorkload: '*' };
const deny = (spec: object = {}) => ({ ...AGENT, effect: 'deny', ...spec });
const TOOL = { mcp: { tools: ['drop_*'] } };

function warnedOf(policies: Record<string, object>, changed = Object.keys(policies)): string[] {
  const { accessPolicies } = policySet({ AccessPolicy: policies });
  return findOverruled(accessPolicies, new Set(changed)).map(({ name, field, message }) => {
    return `${name} ${field} ${/AccessPolicy "(.+?)"/.exec(message)?.[1]}`;
  });
}

it.each<[string, Record<string, object>, string[]]>([
  [
    'a tool without a path beside /**',
    { a: { ...AGENT, rules: [{ paths: ['/**'] }] }, d: deny({ rules: [TOOL] }) },
    ['d spec.rules[0] a'],
  ],
  [
    'a tool on the path of the rule that allows',
    { a: { ...AGENT, rules: [{ paths: ['/mcp'] }] }, d: deny({ rules: [{ ...TOOL, paths: ['/mcp'] }] }) },
    [],
  ],
  [
    'all beside a path',
    { a: { ...AGENT, rules: [{ paths: ['/v1/**'] }] }, d: deny({ conditions: ['c'] }) },
    ['d spec.effect a'],
  ],
  ['all beside all', { a: AGENT, d: deny() }, []],
  ['everybody beside one by name', { a: AGENT, d: deny(ALL) }, ['d spec.effect a']],
  ['everybody beside everybody', { a: ALL, b: AGENT, d: deny(ALL) }, []],
  ['one by name beside everybody', { a: { ...ALL, rules: [{ paths: ['/v1/keys'] }] }, d: deny() }, []],
  [
    'a wildcard in front, in one of two paths',
    {
      a: { ...AGENT, rules: [{ paths: ['/v1/**'] }] },
      d: deny({ rules: [{ paths: ['/**/keys', '/v1/keys'] }, { paths: ['/*/keys'] }] }),
    },
    ['d spec.rules[0].paths[0] a', 'd spec.rules[1].paths[0] a'],
  ],
  [
    'any method beside a list',
    { a: { ...AGENT, rules: [{ methods: ['GET'], paths: ['/v1/**'] }] }, d: deny({ rules: [{ paths: ['/v1/**'] }] }) },
    ['d spec.rules[0].paths[0] a'],
  ],
  [
    'a less specific way for one of its methods',
    {
      a: { ...AGENT, rules: [{ methods: ['GET'], paths: ['/v1/**'] }] },
      b: { ...AGENT, rules: [{ methods: ['POST'], paths: ['/**'] }] },
      d: deny({ rules: [{ methods: ['post'], paths: ['/**/keys'] }] }),
      e: deny({ rules: [{ methods: ['GET'], paths: ['/**/keys'] }] }),
    },
    ['e spec.rules[0].paths[0] a'],
  ],
  ['nothing that allows', { d: deny(), e: deny({ rules: [{ paths: ['/v1/keys'] }] }) }, []],
  ['what another may do', { a: { ...AGENT, clientWorkload: 'other', rules: [{ paths: ['/**'] }] }, d: deny() }, []],
  ['another server', { a: { ...AGENT, serverWorkload: 'web', rules: [{ paths: ['/**'] }] }, d: deny() }, []],
])('says of a rule that denies %s whether it ever does', (_, policies, warned) => {
  expect(warnedOf(policies)).toEqual(warned);
});

it('says nothing of what stands beside no change', () => {
  const policies = { a: { ...AGENT, rules: [{ paths: ['/**'] }] }, d: deny(), w: { ...AGENT, serverWorkload: 'web' } };
  expect(warnedOf(policies, ['w'])).toEqual([]);
  expect(warnedOf(policies, ['a'])).toEqual(['d spec.effect a']);
});

const ROUNDS = 50;
const PATTERNS = ['/**', '/v1/**', '/v1/*', '/v1/keys', '/*/keys', '/**/keys', '/V1/Keys', '/v1/{name}'];
const PATHS = ['/', '/v1/keys', '/v1/Keys/', '/v1/keys.json', '/v1/other', '/x/keys', '/x'];
const CALLS = ['GET', 'POST'].flatMap((method) =>
  PATHS.flatMap((path) => ['', 'q=x'].map((query) => ({ ...REQUEST, method, path, query }))),
);
const SESSIONS = [['agent'], ['other'], ['agent', 'other']].map((workloads) => ({ ...SESSION, workloads }));

function outcomes(policies: Record<string, object>): string[] {
  const set = compilePolicySet(
    policySet({
      ServerWorkload: { api: { hosts: [REQUEST.host] } },
      AccessCondition: {
        yes: { type: 'cel', expression: 'true' },
        no: { type: 'cel', expression: 'false' },
        broken: { type: 'cel', expression: 'agent.claims.nothing == 1' },
      },
      AccessPolicy: policies,
    }),
  );
  const none = new RevocationSet([]);
  return SESSIONS.flatMap((session) => CALLS.map((call) => decide(set, session, call, none, 0).outcome));
}

interface Rule {
  readonly methods: readonly string[] | undefined;
  readonly paths: readonly string[] | undefined;
  readonly query: object | undefined;
}
interface Policy {
  readonly effect: string;
  readonly clientWorkload: string;
  readonly serverWorkload: string;
  readonly rules: readonly Rule[] | undefined;
  readonly conditions: readonly string[];
}

/** The policies without what stands at this place of one that denies. */
function without(policies: Readonly<Record<string, Policy>>, name: string, field: string): Record<string, object> {
  const { [name]: policy, ...others } = policies;
  const [at, index] = [...field.matchAll(/\[(\d+)\]/g)].map(([, number]) => Number(number));
  const rules = policy?.rules?.flatMap((rule, place) => {
    if (place !== at) return [rule];
    const paths = rule.paths?.filter((__, which) => which !== index) ?? [];
    return paths.length === 0 ? [] : [{ ...rule, paths }];
  });
  return rules === undefined || rules.length === 0 ? others : { ...others, [name]: { ...policy, rules } };
}

/** Each place of the policies that deny, as it is named. */
function placesOf(policies: Readonly<Record<string, Policy>>): [name: string, field: string][] {
  return Object.entries(policies).flatMap(([name, { effect, rules }]) => {
    if (effect !== 'deny') return [];
    const fields = rules?.flatMap(({ paths }, at) => {
      return paths?.map((__, index) => `spec.rules[${at}].paths[${index}]`) ?? [`spec.rules[${at}]`];
    });
    return (fields ?? ['spec.effect']).map((field): [string, string] => [name, field]);
  });
}

it('is right: without what it names, the same calls are allowed', () => {
  const random = seededRandom(1);
  const some = <T>(values: readonly T[]): T[] => values.filter(() => random.below(3) === 0);
  const listOf = <T>(values: readonly T[]): T[] | undefined => {
    const chosen = some(values);
    return chosen.length === 0 ? undefined : chosen;
  };
  const makeRule = (): Rule => ({
    methods: listOf(['GET', 'POST']),
    paths: listOf(PATTERNS),
    query: random.below(4) === 0 ? { q: ['x'] } : undefined,
  });
  const makePolicy = (): Policy => ({
    effect: random.pick(['allow', 'deny']),
    clientWorkload: random.pick(['agent', 'agent', 'other', '*']),
    serverWorkload: 'api',
    rules: random.below(4) === 0 ? undefined : [makeRule(), ...some([makeRule()])],
    conditions: random.pick([[], [], ['yes'], ['no'], ['broken']]),
  });
  const seen = { 'in vain': 0, 'not in vain': 0 };
  for (let round = 0; round < ROUNDS; round += 1) {
    const policies = { a: makePolicy(), b: makePolicy(), c: makePolicy(), d: makePolicy() };
    const { accessPolicies } = policySet({ AccessPolicy: policies });
    const warned = findOverruled(accessPolicies, new Set(['a'])).map(({ name, field }) => `${name} ${field}`);
    const before = outcomes(policies);
    for (const [name, field] of placesOf(policies)) {
      const isSame = outcomes(without(policies, name, field)).join() === before.join();
      if (warned.includes(`${name} ${field}`)) {
        expect(isSame, `${name} ${field} of ${JSON.stringify(policies)}`).toBe(true);
        seen['in vain'] += 1;
      } else if (!isSame) seen['not in vain'] += 1;
    }
  }
  expect(seen['in vain']).toBeGreaterThan(ROUNDS / 5);
  expect(seen['not in vain']).toBeGreaterThan(ROUNDS / 5);
});
