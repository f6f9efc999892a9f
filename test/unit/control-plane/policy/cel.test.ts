import { describe, expect, it } from 'vitest';
import { compileCel } from '../../../../control-plane/policy/cel.ts';
import { CelError } from '../../../../control-plane/policy/cel-error.ts';
import { REQUEST, SESSION } from './policy-set.ts';

const evaluate = (expression: string): boolean =>
  compileCel(expression).evaluate(
    { ...SESSION, user: 'ann', userClaims: { groups: ['finance'] } },
    { ...REQUEST, headers: [{ name: 'X-Reason', value: 'audit' }] },
    Date.UTC(2026, 10, 23, 12),
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
    ['size(request) > 0', ['path', 'query', 'headers'], false],
    ['request[user.subject] == ""', ['path', 'query', 'headers'], false],
    ['[1].exists(x, x == 1 && request.headers.size() == 0)', ['headers'], false],
    ['now > timestamp("2026-01-01T00:00:00Z")', [], true],
  ])('finds what %s reads', (expression, reads, readsNow) => {
    const program = compileCel(expression);
    expect([...program.reads].sort()).toEqual([...reads].sort());
    expect(program.readsNow).toBe(readsNow);
  });

  it('compiles each text once', () => {
    expect(compileCel('tenant == "once"')).toBe(compileCel('tenant == "once"'));
  });
});
