import { CommandFailed, EXIT_CODES } from '../exit-codes.ts';
import { commentOf, OWN_NAME, type Rule } from './rules.ts';
import type { Firewall } from './firewall.ts';
import { firstLine, runTool } from './run-tool.ts';

const CHAINS = [
  // Before connection tracking (-200), and before everybody else's chains of nat (-100): the first to send a connection elsewhere wins.
  { table: 'raw', name: 'output_raw', hook: 'type filter hook output priority -300; policy accept;' },
  { table: 'nat', name: 'output_nat', hook: 'type nat hook output priority -110; policy accept;' },
  { table: 'filter', name: 'output_filter', hook: 'type filter hook output priority 0; policy accept;' },
] as const;
const LOOPBACK = { IPv4: 'ip daddr 127.0.0.0/8', IPv6: 'ip6 daddr ::1' } as const;
const SEND_TO = { IPv4: 'dnat ip to', IPv6: 'dnat ip6 to' } as const;

/** nftables: one table of our own in both families, put in place and removed in one transaction. */
export const nftables: Firewall = {
  name: 'nftables',
  tools: () => ['nft'],
  render: (rules) => renderNft(rules),
  install: (rules) => void nft(['-f', '-'], renderNft(rules)),
  remove: () => {
    if (!isInstalled()) return false;
    nft(['delete', 'table', 'inet', OWN_NAME]);
    return true;
  },
  faults: (rules) => {
    if (!isInstalled()) return ['the rules are not installed'];
    const listed = nft(['list', 'table', 'inet', OWN_NAME]);
    const comments = [...listed.matchAll(/comment "([^"]*)"/g)].map(([, comment]) => comment);
    const expected = rules.map((_, at) => commentOf(rules, at));
    const faults =
      comments.join('|') === expected.join('|') ? [] : ['the rules are not those that these options ask for'];
    // Statements that carry no comment are none of ours.
    const lines = listed.split('\n').filter((line) => /\b(return|drop|accept|redirect|dnat|jump|goto)\b/.test(line));
    const foreign = lines.filter((line) => !line.includes('comment "') && !line.includes('hook output'));
    return foreign.length === 0 ? faults : [...faults, 'the table has rules that Sidekey did not write'];
  },
};

/** The script for `nft -f`: applied whole or not at all, and as often as one likes. */
export function renderNft(rules: readonly Rule[]): string {
  const chains = CHAINS.flatMap(({ table, name, hook }) => {
    const lines = rules.flatMap((rule, at) =>
      rule.table === table ? [`    ${renderRule(rule)} comment "${commentOf(rules, at)}"`] : [],
    );
    return lines.length === 0 ? [] : [`  chain ${name} {`, `    ${hook}`, ...lines, '  }'];
  });
  // Named before it is deleted, since deleting what is not there fails.
  return [
    `table inet ${OWN_NAME}`,
    `delete table inet ${OWN_NAME}`,
    `table inet ${OWN_NAME} {`,
    ...chains,
    '}',
    '',
  ].join('\n');
}

function renderRule({ family, uid, toLoopback, protocol, port, isStray, verdict }: Rule): string {
  const matches: string[] = [];
  if (uid !== undefined) matches.push(`meta skuid ${uid}`);
  if (family !== undefined) matches.push(toLoopback ? LOOPBACK[family] : `meta nfproto ${family.toLowerCase()}`);
  if (protocol !== undefined)
    matches.push(port === undefined ? `meta l4proto ${protocol}` : `${protocol} dport ${port}`);
  if (isStray) matches.push('ct state invalid');
  return [...matches, renderVerdict(verdict, family)].join(' ');
}

function renderVerdict(verdict: Rule['verdict'], family: Rule['family']): string {
  if (typeof verdict === 'string') return verdict;
  if ('redirectTo' in verdict) return `redirect to :${verdict.redirectTo}`;
  return `${SEND_TO[family ?? 'IPv4']} ${verdict.sendTo}`;
}

function isInstalled(): boolean {
  return nft(['list', 'tables', 'inet']).split('\n').includes(`table inet ${OWN_NAME}`);
}

function nft(args: readonly string[], input?: string): string {
  const { code, stdout, stderr } = runTool('nft', args, input);
  if (code === 0) return stdout;
  throw new CommandFailed(EXIT_CODES.failed, `nft ${args[0] ?? ''} failed: ${firstLine(stderr)}`);
}
