import { existsSync } from 'node:fs';
import { FAMILIES, type Family } from '../../common/net/probe.ts';
import { CommandFailed, EXIT_CODES } from '../exit-codes.ts';
import type { Firewall } from './firewall.ts';
import { commentOf, OWN_NAME, type Rule } from './rules.ts';
import { firstLine, runTool } from './run-tool.ts';

const CHAIN = OWN_NAME.toUpperCase();
const TABLES = ['raw', 'nat', 'filter'] as const;
const TOOLS = { IPv4: 'iptables', IPv6: 'ip6tables' } as const;
const LOOPBACK = { IPv4: '127.0.0.0/8', IPv6: '::1/128' } as const;
const MAX_JUMPS = 16;

/** iptables and ip6tables: a chain of our own in each of these tables, and one jump to each from OUTPUT. */
export const iptables: Firewall = {
  name: 'iptables',
  render: (rules) =>
    FAMILIES.map((family) => `# ${TOOLS[family]}-restore --noflush\n${renderIptables(rules, family)}`).join('\n'),
  tools: () => families().map((family) => TOOLS[family]),
  install: (rules) => {
    const stood = families().some((family) => hasJump(TOOLS[family], 'nat'));
    try {
      for (const family of families()) install(rules, family);
    } catch (error) {
      // Half of it would look as if everything were caught; but what caught everything before still does.
      if (!stood) for (const family of families()) remove(family);
      throw error;
    }
  },
  remove: () =>
    families()
      .map((family) => remove(family))
      .includes(true),
  faults: (rules) => families().flatMap((family) => faults(rules, family)),
};

/** The input of `iptables-restore --noflush`: a chain that is named is emptied first. */
export function renderIptables(rules: readonly Rule[], family: Family): string {
  const tables = usedTables(rules).map((table) => {
    const lines = rules.flatMap((rule, at) =>
      rule.table === table && (rule.family ?? family) === family
        ? [`-A ${CHAIN} ${renderRule(rule, family)} -m comment --comment "${commentOf(rules, at)}"`]
        : [],
    );
    return [`*${table}`, `:${CHAIN} - [0:0]`, ...lines, 'COMMIT'].join('\n');
  });
  return `${tables.join('\n')}\n`;
}

function renderRule({ uid, toLoopback, protocol, port, isStray, verdict }: Rule, family: Family): string {
  const words: string[] = [];
  if (toLoopback) words.push(`-d ${LOOPBACK[family]}`);
  if (protocol !== undefined) words.push(`-p ${protocol}`);
  if (port !== undefined) words.push(`--dport ${port}`);
  if (isStray) words.push('-m conntrack --ctstate INVALID');
  if (uid !== undefined) words.push(`-m owner --uid-owner ${uid}`);
  return [...words, renderVerdict(verdict)].join(' ');
}

function renderVerdict(verdict: Rule['verdict']): string {
  if (typeof verdict === 'string') return `-j ${verdict.toUpperCase()}`;
  if ('redirectTo' in verdict) return `-j REDIRECT --to-ports ${verdict.redirectTo}`;
  return `-j DNAT --to-destination ${verdict.sendTo}`;
}

function install(rules: readonly Rule[], family: Family): void {
  const tool = TOOLS[family];
  expectSuccess(`${tool}-restore`, ['--wait', '--noflush'], renderIptables(rules, family));
  const used = usedTables(rules);
  for (const table of TABLES) {
    if (!used.includes(table)) removeFrom(tool, table);
    else if (hasJump(tool, table)) continue;
    else expectSuccess(tool, ['--wait', '-t', table, '-I', 'OUTPUT', '1', '-j', CHAIN]);
  }
}

/** Not every kernel has a table `raw`: it is asked for where rules need it. */
function usedTables(rules: readonly Rule[]): Rule['table'][] {
  return TABLES.filter((table) => rules.some((rule) => rule.table === table));
}

/** Whether something was removed. */
function remove(family: Family): boolean {
  return TABLES.map((table) => removeFrom(TOOLS[family], table)).includes(true);
}

function removeFrom(tool: string, table: Rule['table']): boolean {
  let found = false;
  for (let turn = 0; turn < MAX_JUMPS && hasJump(tool, table); turn += 1) {
    expectSuccess(tool, ['--wait', '-t', table, '-D', 'OUTPUT', '-j', CHAIN]);
    found = true;
  }
  if (runTool(tool, ['--wait', '-t', table, '-S', CHAIN]).code !== 0) return found;
  expectSuccess(tool, ['--wait', '-t', table, '-F', CHAIN]);
  expectSuccess(tool, ['--wait', '-t', table, '-X', CHAIN]);
  return true;
}

function faults(rules: readonly Rule[], family: Family): string[] {
  const tool = TOOLS[family];
  const used = usedTables(rules);
  return TABLES.flatMap((table) => {
    const isUsed = used.includes(table);
    if (!isUsed && !hasJump(tool, table)) return [];
    const listed = runTool(tool, ['--wait', '-t', table, '-S', CHAIN]);
    if (listed.code !== 0 || !hasJump(tool, table)) return [`${tool} -t ${table}: the rules are not installed`];
    const found = listed.stdout.split('\n').filter((line) => line.startsWith('-A'));
    const comments = found.map((line) => /--comment "([^"]*)"/.exec(line)?.[1] ?? '');
    const expected = rules.flatMap((rule, at) =>
      rule.table === table && (rule.family ?? family) === family ? [commentOf(rules, at)] : [],
    );
    if (comments.join('|') === expected.join('|')) return [];
    return [`${tool} -t ${table}: the rules are not those that these options ask for`];
  });
}

function hasJump(tool: string, table: string): boolean {
  return runTool(tool, ['--wait', '-t', table, '-C', 'OUTPUT', '-j', CHAIN]).code === 0;
}

/** A machine whose kernel has no IPv6 needs no rules for it. */
function families(): readonly Family[] {
  return existsSync('/proc/net/if_inet6') ? FAMILIES : ['IPv4'];
}

function expectSuccess(tool: string, args: readonly string[], input?: string): void {
  const { code, stderr } = runTool(tool, args, input);
  if (code !== 0)
    throw new CommandFailed(EXIT_CODES.failed, `${tool} ${args.slice(1).join(' ')} failed: ${firstLine(stderr)}`);
}
