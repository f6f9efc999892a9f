import { expect, test } from 'vitest';
import { InspectedFacts } from '../../proto/gen/sidekey/v1/route.ts';
import { reasonFromNumber } from '../../proto/reasons.ts';
import type { AuthorizeResponse } from '../../proto/gen/sidekey/v1/proxy.ts';
import { QUESTION, useBillingPlane } from '../support/worlds/billing-plane.ts';
import { billingResources, resource } from '../support/control-plane/control-plane.ts';

// What the policy of one tenant makes of its questions, while others ask theirs.
const HOST = 'dear.example.com';
const DEAR = { destination: { scheme: 'https', host: HOST, port: 443 }, http: QUESTION.http };
const LIST = `[${Array.from({ length: 400 }, (_, at) => at).join()}]`;
/** Of 160,000 comparisons; `n` makes it another expression. */
const dear = (n: number): string => `${LIST}.all(a, ${LIST}.all(b, a != ${1_000 + n}))`;

const PROXIES = 20;
const EACH = 4;

const billing = useBillingPlane();

function dearPolicy(spec: object): unknown[] {
  const policy = { clientWorkload: 'billing', serverWorkload: 'dear', leaseSeconds: 0, ...spec };
  return [resource('ServerWorkload', 'dear', { hosts: [HOST] }), resource('AccessPolicy', 'dear', policy)];
}

function outcomeOf({ outcome }: AuthorizeResponse): [string, string] {
  return outcome?.$case === 'denial' ? [reasonFromNumber(outcome.value.reason), outcome.value.message] : ['ok', ''];
}

test('A-53: rules alike that take too many steps together are refused where the first is too much', async () => {
  const rules = Array.from({ length: 100 }, (_, n) => ({ paths: ['/v1/**'], when: dear(n) }));
  const documents = dearPolicy({ rules })
    .map((one) => JSON.stringify(one, undefined, 1))
    .join('\n---\n');
  const { status, body } = await billing.plane.rest('POST', '/v1/apply', { documents });
  expect(status, JSON.stringify(body)).toBe(422);
  const { errors } = body as { errors: { kind: string; name: string; line: number; field: string; message: string }[] };
  expect(errors).toMatchObject([
    {
      kind: 'AccessPolicy',
      name: 'dear',
      field: expect.stringMatching(/^spec\.rules\[\d+\]\.when$/),
      line: expect.any(Number),
      message: expect.stringContaining('more steps than one call may'),
    },
  ]);
  const [error] = errors;
  expect(documents.split('\n')[(error?.line ?? 0) - 1]).toContain('"when"');
});

test('A-53: conditions of one policy that take too many steps together are refused', async () => {
  const names = Array.from({ length: 32 }, (_, n) => `dear${n}`);
  const conditions = names.map((name, n) => resource('AccessCondition', name, { type: 'cel', expression: dear(n) }));
  const { status, body } = await billing.apply(...conditions, ...dearPolicy({ conditions: names }));
  expect(status).toBe(422);
  expect(JSON.stringify(body)).toContain('spec.conditions[1]');
});

test.each([
  ['expressions', Array.from({ length: 200 }, (_, n) => ({ paths: [`/v1/**`, `/${n}`], when: `${dear(n)} && false` }))],
  ['globs', Array.from({ length: 200 }, (_, n) => ({ headers: { a: [`*${'a'.repeat(1_000)}${n}`] } }))],
  [
    'path patterns',
    Array.from({ length: 200 }, (_, n) => ({ paths: [`/**/${'*a/'.repeat(8)}${'a/'.repeat(400)}${n}`] })),
  ],
])(
  'A-53: a call that takes too many steps is denied, whatever else allows it: %s',
  async (_, rules) => {
    expect((await billing.apply(...dearPolicy({ rules: [...rules, { methods: ['GET'] }] }))).status).toBe(200);
    const proxy = await billing.attested();
    const http = {
      ...QUESTION.http,
      method: 'GET',
      path: `/v1${'/a'.repeat(9_000)}`,
      query: '',
      headers: [{ name: 'a', value: 'a'.repeat(20_000) }],
      inspected: InspectedFacts.fromPartial({ selectors: ['header:a'] }),
    };
    const [reason, message] = outcomeOf(await proxy.ask({ ...DEAR, http, deadlineMs: 30_000 }));
    expect(reason).toBe('condition-error');
    expect(message).toContain('more steps than');
    const [cheap] = outcomeOf(await proxy.ask({ ...QUESTION, deadlineMs: 30_000 }));
    expect(cheap).toBe('ok');
  },
  120_000,
);

test('A-53: a policy that denies is not passed by taking its steps', async () => {
  const rules = Array.from({ length: 200 }, (_, n) => ({ paths: [`/v1/**`, `/${n}`], when: `${dear(n)} && false` }));
  const [server, policy] = dearPolicy({});
  const denying = resource('AccessPolicy', 'deny', {
    effect: 'deny',
    clientWorkload: 'billing',
    serverWorkload: 'dear',
    rules,
  });
  expect((await billing.apply(server, policy, denying)).status).toBe(200);
  const proxy = await billing.attested();
  expect(outcomeOf(await proxy.ask({ ...DEAR, deadlineMs: 30_000 }))[0]).toBe('condition-error');
  expect((await billing.plane.rest('DELETE', '/v1/resources/AccessPolicy/deny')).status).toBeLessThan(300);
}, 120_000);

test('A-53: the questions of another tenant come in between those that take long', async () => {
  const rules = Array.from({ length: 1 }, (_, n) => ({ paths: [`/v1/**`, `/${n}`], when: `${dear(n)} && false` }));
  expect((await billing.apply(...dearPolicy({ rules: [...rules, { methods: ['GET'] }] }))).status).toBe(200);
  expect(
    (await billing.plane.rest('POST', '/v1/apply', { resources: [resource('Tenant', 'neighbour', {})] })).status,
  ).toBe(200);
  expect(await billing.plane.applyTo('neighbour', billingResources(billing.cluster))).toBe(200);
  const token = await billing.cluster.token('prod', 'billing');
  const proxies = await Promise.all(Array.from({ length: PROXIES }, () => billing.attested()));
  const neighbour = billing.proxy();
  await neighbour.attest(token, { tenant: 'neighbour' });
  await neighbour.ask(QUESTION);
  const answered: string[] = [];
  const note = (answer: AuthorizeResponse): unknown => answered.push(outcomeOf(answer)[0]);
  const answers = proxies.flatMap((proxy) =>
    Array.from({ length: EACH }, () => proxy.ask({ ...DEAR, deadlineMs: 30_000 }).then(note)),
  );
  await Promise.race(answers);
  const asked = answered.length;
  const [reason] = outcomeOf(await neighbour.ask({ ...QUESTION, deadlineMs: 30_000 }));
  const before = answered.length - asked;
  await Promise.all(answers);
  expect(reason).toBe('ok');
  expect(new Set(answered)).toEqual(new Set(['ok']));
  expect(before).toBeLessThan((PROXIES * EACH) / 2);
}, 180_000);
