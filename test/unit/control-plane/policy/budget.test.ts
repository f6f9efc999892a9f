import { expect, it } from 'vitest';
import { newBudget } from '../../../../control-plane/policy/budget.ts';
import { compileCel } from '../../../../control-plane/policy/cel.ts';
import { compilePolicySet } from '../../../../control-plane/policy/compile.ts';
import { decide } from '../../../../control-plane/policy/decide.ts';
import type { RequestFacts } from '../../../../control-plane/policy/facts.ts';
import { RevocationSet } from '../../../../control-plane/policy/revocations.ts';
import { matchWorkloads } from '../../../../control-plane/policy/workloads.ts';
import { policySet, REQUEST, SESSION } from '../../../support/control-plane/policy-set.ts';

const many = <T>(length: number, one: (at: number) => T): T[] => Array.from({ length }, (_, at) => one(at));

/** What is decided of a call that the last policy allows, and what each of the others is made of. */
function decided(specs: readonly object[], request: Partial<RequestFacts>): ReturnType<typeof decide> {
  const to = { clientWorkload: 'billing-agent', serverWorkload: 'api' };
  const set = policySet({
    ServerWorkload: { api: { hosts: ['api.example.com'] } },
    AccessPolicy: Object.fromEntries([...specs, {}].map((spec, at) => [`p${at}`, { ...to, ...spec }])),
  });
  return decide(compilePolicySet(set), SESSION, { ...REQUEST, ...request }, new RevocationSet([]), 0);
}

const headers = many(7_000, (at) => ({ name: `x${at}`, value: 'v' }));
const json = (value: unknown): Partial<RequestFacts> => ({
  inspected: { unreadable: [], json: JSON.stringify(value) },
});
const query = many(9_000, (at) => `a${at}=1`).join('&');
const loops = '[1, 2, 3, 4, 5, 6, 7, 8, 9, 10].exists(a, '.repeat(4);
const path = '/a'.repeat(30_000);

it.each<[string, (at: number) => object, Partial<RequestFacts>]>([
  ['expressions', (at) => ({ when: `${loops}a == ${at}${')'.repeat(4)} && false` }), {}],
  ['expressions over JSON', (at) => ({ when: `request.json.all(a, a > ${at})` }), json(many(60_000, () => 1))],
  ['expressions over headers', (at) => ({ when: `request.headers.exists(n, n == "${at}")` }), { headers }],
  ['globs', (at) => ({ headers: { x0: many(64, (n) => `*a${at}*${n}`) } }), { headers: [{ name: 'x0', value: path }] }],
  ['headers', (at) => ({ headers: { [`h${at}`]: ['*'] } }), { headers }],
  ['query parameters', (at) => ({ query: { [`q${at}`]: ['*'] } }), { query }],
  ['path patterns', (at) => ({ paths: many(256, (n) => `/**/${at}/${n}`) }), { path }],
])('a call that takes too many steps is denied, whatever allows it: %s', (_, rule, request) => {
  for (const effect of ['allow', 'deny']) {
    const decision = decided([{ effect, rules: many(256, rule) }], request);
    expect(decision).toMatchObject({ outcome: 'deny', reason: 'condition-error', policy: undefined });
    expect(decision.detail).toContain('more steps');
  }
});

it('a call is denied that more policies cover than can be asked, however little each of them takes', () => {
  const rules = many(256, () => ({ methods: ['PUT'] }));
  const specs = many(1_000, () => ({ rules }));
  const { reason, steps } = decided(specs, {});
  expect(reason).toBe('condition-error');
  // Those that are left are not asked any more.
  expect(steps.filter(({ check }) => check === 'rule').length).toBeLessThan(specs.length);
});

it('a call that ten policies of 256 rules are asked of is allowed', () => {
  const rules = many(256, (at) => ({
    methods: ['GET'],
    paths: [`/v1/{kind}`, `/v2/${at}/**`],
    when: `request.vars.kind == "${at}" && request.json.title.size() < 200 && agent.claims.groups.exists(g, g == "a")`,
  }));
  const request = { ...json({ title: 'x'.repeat(100), more: many(30, (at) => at) }), headers: headers.slice(0, 40) };
  expect(
    decided(
      many(10, () => ({ rules })),
      request,
    ).reason,
  ).toBe('ok');
});

it('an expression looks at each header a few times, however many there are', () => {
  let reads = 0;
  const counted = headers.map(({ name, value }) => ({
    value,
    get name() {
      reads += 1;
      return name;
    },
  }));
  const program = compileCel('request.headers.exists(name, name == "x1")');
  expect(program.evaluate(SESSION, { ...REQUEST, headers: counted }, 0, newBudget())).toBe(true);
  expect(reads).toBeLessThan(10 * headers.length);
});

it.each([
  ['globs', { claim: 'groups', glob: `*${'g*-'.repeat(300)}x` }],
  ['lists', { claim: 'groups', in: many(256, (at) => `x${at}`) }],
])('a session is no client workload where it takes too many steps to tell: %s', (_, selector) => {
  const claims = { groups: many(3_000, (at) => `group-${at}`), tier: 'a' };
  const tier = { all: [{ claim: 'tier', equals: 'a' }] };
  const of = (count: number): string[] => {
    const dear = many(count, (at) => [`dear${at}`, { selectors: { any: many(30, () => selector) } }] as const);
    const set = policySet({ ClientWorkload: { ...Object.fromEntries(dear), agent: { selectors: tier } } });
    return matchWorkloads(compilePolicySet(set), { ...SESSION, claims }, 0);
  };
  expect(of(1)).toEqual(['agent']);
  expect(of(200)).toEqual([]);
});
