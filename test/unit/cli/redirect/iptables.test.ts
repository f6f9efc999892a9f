import { existsSync } from 'node:fs';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { iptables, renderIptables } from '../../../../cli/redirect/iptables.ts';
import { makeRules, type RedirectPlan } from '../../../../cli/redirect/rules.ts';
import type { ToolEnd } from '../../../../cli/redirect/run-tool.ts';
import { kernel } from '../../../fakes/kernel-tables.ts';

vi.mock('../../../../cli/redirect/run-tool.ts', async (original) => ({
  ...(await original<object>()),
  runTool: (await import('../../../fakes/kernel-tables.ts')).runTool,
}));

const PLAN: RedirectPlan = { port: 15_001, exemptUids: [1337], dns: { kind: 'leave' }, dropUdp: false };
const RULES = makeRules(PLAN);
const WITH_RAW = makeRules({ ...PLAN, dns: { kind: 'drop' } });
const OTHERS = makeRules({ ...PLAN, port: 15_002 });
const TOOLS = existsSync('/proc/net/if_inet6') ? (['iptables', 'ip6tables'] as const) : (['iptables'] as const);
const LAST = TOOLS.at(-1) ?? 'iptables';

interface Table {
  /** Of OUTPUT. */
  output: string[];
  /** Ours, if there is one. */
  chain: string[] | undefined;
}

const OK: ToolEnd = { code: 0, stdout: '', stderr: '' };
const fail = (stderr: string): ToolEnd => ({ code: 1, stdout: '', stderr });
const JUMP = '-j SIDEKEY';
const tables = new Map<string, Table>();
/** What a tool does not do; told by its name and arguments. */
let refused: RegExp | undefined;

const tableOf = (tool: string, name: string): Table => {
  const key = `${tool} ${name}`;
  const table = tables.get(key) ?? { output: ['-j DOCKER'], chain: undefined };
  tables.set(key, table);
  return table;
};

function restore(tool: string, input: string): ToolEnd {
  for (const [, name = '', body = ''] of input.matchAll(/^\*(\w+)\n([\s\S]*?)^COMMIT$/gm)) {
    tableOf(tool, name).chain = body.split('\n').filter((line) => line.startsWith('-A SIDEKEY'));
  }
  return OK;
}

function change(table: Table, how: string, rest: readonly string[]): ToolEnd {
  switch (how) {
    case '-I':
      table.output.unshift(rest.slice(2).join(' '));
      return rest[1] === '1' && table.chain !== undefined ? OK : fail('iptables: No chain by that name.');
    case '-C':
      return table.output.includes(rest.slice(1).join(' ')) ? OK : fail('iptables: Bad rule.');
    case '-D':
      table.output.splice(table.output.indexOf(rest.slice(1).join(' ')), 1);
      return OK;
    case '-S':
      return table.chain === undefined
        ? fail('iptables: No chain.')
        : { ...OK, stdout: `-N SIDEKEY\n${table.chain.join('\n')}\n` };
    case '-F':
      table.chain = [];
      return OK;
    case '-X':
      if (table.output.includes(JUMP) || table.chain?.length !== 0) return fail('iptables: Directory not empty.');
      table.chain = undefined;
      return OK;
    default:
      return fail(`unknown ${how}`);
  }
}

beforeEach(() => {
  tables.clear();
  refused = undefined;
  kernel.run = (tool, args, input = '') => {
    if (refused?.test(`${tool} ${args.join(' ')}`) === true) return fail(`${tool}: Permission denied.\nTry as root.`);
    if (args[0] !== '--wait') return fail('others change them at this moment');
    if (tool.endsWith('-restore'))
      return args[1] === '--noflush' ? restore(tool.slice(0, -'-restore'.length), input) : fail('flushed');
    const [, option, name = '', how = '', ...rest] = args;
    if (option !== '-t' || ('-I -C -D'.includes(how) && rest[0] !== 'OUTPUT')) return fail('iptables: what?');
    return change(tableOf(tool, name), how, rest);
  };
});

/** Tables in which we have something, with how often they lead to it. */
function ours(): Record<string, number> {
  const found = [...tables].filter(([, { chain, output }]) => chain !== undefined || output.includes(JUMP));
  return Object.fromEntries(found.map(([key, { output }]) => [key, output.filter((rule) => rule === JUMP).length]));
}

const everywhere = (...names: string[]) =>
  Object.fromEntries(TOOLS.flatMap((tool) => names.map((name) => [`${tool} ${name}`, 1])));

describe('iptables', () => {
  it('installs a chain in each table, which comes first and once, however often it is asked to', () => {
    for (let time = 0; time < 2; time += 1) iptables.install(WITH_RAW);
    expect(ours()).toEqual(everywhere('raw', 'nat', 'filter'));
    for (const [key, { chain, output }] of tables) {
      expect(output).toEqual([JUMP, '-j DOCKER']);
      const family = key.startsWith('ip6') ? 'IPv6' : 'IPv4';
      for (const rule of chain ?? []) expect(renderIptables(WITH_RAW, family)).toContain(rule);
    }
    expect(iptables.faults(WITH_RAW)).toEqual([]);
  });

  it('takes away its chain of a table that rules use no more', () => {
    iptables.install(WITH_RAW);
    iptables.install(RULES);
    expect(ours()).toEqual(everywhere('nat', 'filter'));
    expect(iptables.faults(RULES)).toEqual([]);
  });

  it.each(['restore', '-I OUTPUT'])('leaves nothing behind where it cannot install all: %s', (step) => {
    refused = new RegExp(`^${LAST}.*${step}`);
    expect(() => iptables.install(RULES)).toThrow(/^ip6?tables(-restore)? .* failed: .*Permission denied\.$/);
    expect(ours()).toEqual({});
  });

  it('leaves standing what stood, where it cannot install something else', () => {
    iptables.install(RULES);
    refused = new RegExp(`^${LAST}-restore`);
    expect(() => iptables.install(OTHERS)).toThrow(/Permission denied/);
    expect(ours()).toEqual(everywhere('nat', 'filter'));
  });

  it('removes all of it, however many ways lead there, and nothing else', () => {
    expect(iptables.remove()).toBe(false);
    iptables.install(WITH_RAW);
    for (const table of tables.values()) table.output.push(JUMP, JUMP);
    expect(iptables.remove()).toBe(true);
    expect(ours()).toEqual({});
    expect([...tables.values()].map(({ output }) => output.join())).toEqual([...tables].map(() => '-j DOCKER'));
    expect(iptables.remove()).toBe(false);
  });

  it('leaves standing also what stood for one family alone', () => {
    iptables.install(RULES);
    tableOf(LAST, 'nat').output = [];
    refused = new RegExp(`^${LAST}-restore`);
    expect(() => iptables.install(OTHERS)).toThrow(/Permission denied/);
    expect(tableOf('iptables', 'nat').output.includes(JUMP)).toBe(TOOLS.length > 1);
  });

  it('removes a chain that nothing leads to, and a way that leads nowhere', () => {
    tableOf(LAST, 'nat').chain = [];
    expect([iptables.remove(), ours()]).toEqual([true, {}]);
    tableOf(LAST, 'nat').output = [JUMP];
    expect([iptables.remove(), ours()]).toEqual([true, {}]);
  });

  it('gives up where ways to it do not go away', () => {
    iptables.install(RULES);
    const { run } = kernel;
    kernel.run = (tool, args) => (args[3] === '-D' ? OK : run(tool, args));
    expect(() => iptables.remove()).toThrow(/Directory not empty/);
  });
});

describe('iptables has a fault', () => {
  const NOT_THERE = (name: string) => `${LAST} -t ${name}: the rules are not installed`;
  const OTHER = (name: string) => `${LAST} -t ${name}: the rules are not those that these options ask for`;
  const rulesOf = (name: string): string[] => tableOf(LAST, name).chain ?? [];
  it.each<[string, () => unknown, string[]]>([
    ['nothing leads to the chain', () => (tableOf(LAST, 'nat').output = []), [NOT_THERE('nat')]],
    ['the chain is gone', () => (tableOf(LAST, 'filter').chain = undefined), [NOT_THERE('filter')]],
    ['a rule is gone', () => rulesOf('nat').pop(), [OTHER('nat')]],
    ['a rule is there twice', () => rulesOf('nat').push(rulesOf('nat')[0] ?? ''), [OTHER('nat')]],
    ['rules changed places', () => rulesOf('filter').reverse(), [OTHER('filter')]],
    ['somebody else wrote one', () => rulesOf('filter').unshift('-A SIDEKEY -j RETURN'), [OTHER('filter')]],
    [
      'other rules were installed',
      () => iptables.install(OTHERS),
      TOOLS.flatMap((tool) => ['nat', 'filter'].map((name) => OTHER(name).replace(LAST, tool))),
    ],
    [
      'a table has rules that none should have',
      () => iptables.install(WITH_RAW),
      TOOLS.flatMap((tool) => ['raw', 'nat', 'filter'].map((name) => OTHER(name).replace(LAST, tool))),
    ],
  ])('where %s', (_, spoil, expected) => {
    iptables.install(RULES);
    expect(iptables.faults(RULES)).toEqual([]);
    spoil();
    expect(iptables.faults(RULES)).toEqual(expected);
  });

  it('where nothing is installed', () => {
    const missing = TOOLS.flatMap((tool) => ['nat', 'filter'].map((name) => NOT_THERE(name).replace(LAST, tool)));
    expect(iptables.faults(RULES)).toEqual(missing);
  });
});

it('iptables needs a tool a family, and shows what each would be given', () => {
  expect(iptables.tools()).toEqual(TOOLS);
  expect(iptables.render(RULES)).toBe(
    `# iptables-restore --noflush\n${renderIptables(RULES, 'IPv4')}\n# ip6tables-restore --noflush\n${renderIptables(RULES, 'IPv6')}`,
  );
});
