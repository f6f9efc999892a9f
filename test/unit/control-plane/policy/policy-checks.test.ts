import { expect, it } from 'vitest';
import type { CompiledPolicy } from '../../../../control-plane/policy/compile.ts';
import { describeRules, describeUncovered } from '../../../../control-plane/policy/policy-checks.ts';

it('tells what the rules of a policy cover, whatever number of calls they do not cover', () => {
  let readings = 0;
  const spec = {
    get rules() {
      readings += 1;
      return [
        { methods: ['GET'], paths: ['/a'] },
        { query: { page: ['1'] }, when: 'true' },
      ];
    },
  };
  const policy = { spec } as unknown as CompiledPolicy;
  for (let call = 0; call < 2; call += 1) {
    expect(describeRules(policy)).toBe('GET /a; any method any path with query {"page":["1"]} and when true');
  }
  expect(readings).toBe(1);
});

it('shortens what a rule asks for, and names five rules', () => {
  const rules = Array.from({ length: 6 }, () => ({ when: 'x'.repeat(200) }));
  const text = describeRules({ spec: { rules } } as unknown as CompiledPolicy);
  expect(text.split('; ').at(-1)).toBe('others');
  expect(text).toHaveLength(
    5 * ('any method any path with when '.length + 120 + '...'.length) + 5 * 2 + 'others'.length,
  );
});

it('tells at which ports a host is covered', () => {
  const servers = [
    { name: 'api', hosts: ['api.test'], ports: [443, 8443] },
    { name: 'other', hosts: ['other.test'], ports: [443] },
  ] as unknown as Parameters<typeof describeUncovered>[0];
  const told = (host: string): string => describeUncovered(servers, { host, port: 80 });
  expect(told('nowhere.test')).toBe('none covers nowhere.test:80');
  expect(told('api.test')).toBe('none covers api.test:80; api covers it at 443, 8443');
});
