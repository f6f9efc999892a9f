import { describe, expect, it } from 'vitest';
import { newBudget } from '../../../../control-plane/policy/budget.ts';
import { compileCel } from '../../../../control-plane/policy/cel.ts';
import { CelError } from '../../../../control-plane/policy/cel-error.ts';
import { REQUEST, SESSION } from '../../../support/control-plane/policy-set.ts';

const evaluate = (expression: string): boolean =>
  compileCel(expression).evaluate(
    { ...SESSION, user: 'ann', userClaims: { groups: ['finance'] } },
    { ...REQUEST, headers: [{ name: 'X-Reason', value: 'audit' }] },
    Date.UTC(2026, 10, 23, 12),
    newBudget(),
  );

describe('compileCel', () => {
  it.each([
    ['request.method == "GET" && request.port == 443', true],
    ['request.path.startsWith("/v1/")', true],
    ['request.headers["x-reason"] == "audit"', true],
    ['agent.claims.kubernetes.namespace == "prod"', true],
    ['"billing-agent" in agent.workloads', true],
    ['"finance" in user.claims.groups && user.subject == "ann"', true],
    ['tenant == "other"', false],
    ['now.getHours("UTC") == 12', true],
    ['has(agent.claims.oidc)', false],
  ])('%s', (expression, expected) => {
    expect(evaluate(expression)).toBe(expected);
  });

  it.each([
    ['', 'cel-invalid'],
    ['request.method ==', 'cel-invalid'],
    ['process.env.HOME == "x"', 'cel-invalid'],
    ['1 + 1', 'cel-not-boolean'],
    ['request.path.matches("(a+)+b")', 'cel-forbidden'],
    // These would be false for what cannot be read, or for ever: a rule that denies would let the call pass.
    ...[
      'has(request.json) && request.json.amount > 100',
      'has(request.graphql) && "drop" in request.graphql.rootFields',
      'has(request.mcp.arguments) && request.mcp.arguments.all',
      'has(request.mcp.tool)',
      'has(request.path)',
      'has(request.jsonn)',
      'request.jsonn.amount > 100',
      'request.graphql.typ == "mutation"',
      'has(request.graphql.typ)',
      'size(request.mcp) > 0',
      '"X-Admin" in request.headers',
      'has(request.headers.Origin)',
      'request.headers["X-Admin"] == "1"',
      '"json" in request',
      '[request].exists(r, has(r.json) && r.json.amount > 100)',
      '{"a": request}.a.method == "GET"',
      'size(request) > 0',
      'request[user.subject] == ""',
      'request == {}',
    ].map((expression): [string, string] => [expression, 'cel-forbidden']),
  ])('refuses %s', (expression, code) => {
    expect(() => compileCel(expression)).toThrow(expect.objectContaining({ code }));
  });

  it('fails on missing keys and never reaches the prototype', () => {
    expect(() => evaluate('user.claims.level == "x"')).toThrow(CelError);
    expect(() => evaluate('agent.claims.constructor == "x"')).toThrow(CelError);
  });

  it.each([
    ['request.method == "GET"', [], false],
    ['request.path == "/"', ['path'], false],
    ['request["query"] == ""', ['query'], false],
    ['"x-reason" in request.headers', ['headers'], false],
    ['has(request.json.a) && request.json.a > 1', ['json'], false],
    ['has(request.mcp.arguments.a)', ['mcp', 'mcpArguments'], false],
    ['[1].exists(x, x == 1 && request.headers.size() == 0)', ['headers'], false],
    ['now > timestamp("2026-01-01T00:00:00Z")', [], true],
  ])('finds what %s reads', (expression, reads, readsNow) => {
    const program = compileCel(expression);
    expect([...program.reads].sort()).toEqual([...reads].sort());
    expect(program.readsNow).toBe(readsNow);
  });

  it.each([
    ['has(request.json) && true', 'has(request.json.amount)'],
    ['request.jsonn == ""', 'request has no field jsonn; it has scheme'],
    ['"X-Admin" in request.headers', 'write header names in lower case: x-admin'],
    ['size(request) > 0', 'name the field of request, as in request.method'],
  ])('says what to write instead of %s', (expression, hint) => {
    expect(() => compileCel(expression)).toThrow(hint);
  });

  it.each([
    ['"x-reason" in request.headers', 'x_reason'],
    ['has(request.headers.origin)', 'Origin'],
    ['request.headers.exists(name, name == "x-reason")', 'x-reason'],
  ])('fails where a header can be read in more than one way: %s', (expression, name) => {
    const headers = [...['x-reason', 'origin'], name].map((one) => ({ name: one, value: 'a' }));
    expect(() => compileCel(expression).evaluate(SESSION, { ...REQUEST, headers }, 0, newBudget())).toThrow(CelError);
  });

  const list = `[${'1,'.repeat(499)}1]`;
  it.each([
    `${list}.all(a, ${list}.all(b, ${list}.all(c, a == b || b == c)))`,
    `agent.workloads.all(a, ${'agent.workloads.all(b, '.repeat(5)}a == b${')'.repeat(5)})`,
    '["aaaa"].map(a, a + a).map(b, b + b).size() > 0',
    'cel.bind(a, agent.trust + agent.trust, a.size() > 0)',
    '[agent.trust + agent.trust].exists(a, size(a) > 9)',
    'tenant.split("").all(a, tenant.split("").all(b, a == "x" || b == "x"))',
    '[tenant].join(tenant).size() > 9',
  ])('refuses what could stall all tenants: %#', (expression) => {
    expect(() => compileCel(expression)).toThrow(/costly|too long|not available|joined/);
  });

  it('asks no expression of lists that take too long, and other lists as ever', () => {
    const twins = 'request.json.list.exists(a, request.json.list.exists(b, a.id == b.id && a.name != b.name))';
    const ask = (length: number): boolean => {
      const members = Array.from({ length }, (_, id) => ({ id, name: 'x' }));
      const inspected = { unreadable: [], json: JSON.stringify({ list: members }) };
      return compileCel(twins).evaluate(SESSION, { ...REQUEST, inspected }, 0, newBudget());
    };
    expect(ask(40)).toBe(false);
    expect(() => ask(2_000)).toThrow('shorter lists');
  });

  it('counts a text as often as a list that is written out holds it', () => {
    const many = (length: number, text: string): string[] => Array.from({ length }, () => text);
    const list = many(100, 'agent.claims.a').join();
    const expression = `[${list}].exists(m, ${many(100, 'm.contains("ab")').join(' || ')})`;
    const ask = (a: string): boolean =>
      compileCel(expression).evaluate({ ...SESSION, claims: { a } }, undefined, 0, newBudget());
    expect(ask('ab')).toBe(true);
    expect(() => ask('a'.repeat(12_000))).toThrow('shorter lists');
  });

  it.each([
    'now.getHours("Europe/Vienna") > 9',
    'agent.claims.text.contains("aaab")',
    'agent.claims.text.upperAscii() == "A"',
    'agent.claims.text.size() == 9',
  ])('counts what is dear within two loops: %s', (dear) => {
    const members = Array.from({ length: 250 }, (_, id) => id);
    const claims = { members, text: 'a'.repeat(7_900) };
    const loops = compileCel(`agent.claims.members.all(a, agent.claims.members.all(b, ${dear} || true))`);
    expect(() => loops.evaluate({ ...SESSION, claims }, REQUEST, 0, newBudget())).toThrow('shorter lists');
  });

  it('asks each of many long texts one question', () => {
    const messages = Array.from({ length: 10 }, () => ({ content: 'a'.repeat(20_000) }));
    const inspected = { unreadable: [], json: JSON.stringify({ messages, many: Array(19_000).fill('a') }) };
    const asked = 'request.json.messages.all(m, !m.content.contains("b") && m.content.size() > 9)';
    expect(compileCel(asked).evaluate(SESSION, { ...REQUEST, inspected }, 0, newBudget())).toBe(true);
  });

  it('compiles each text once', () => {
    expect(compileCel('tenant == "once"')).toBe(compileCel('tenant == "once"'));
  });
});
