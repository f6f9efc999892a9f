import { Option, type Command } from 'commander';
import { UsageError } from '../../common/errors.ts';
import type { Family } from '../../common/net/probe.ts';
import { readIpAddress } from '../../common/net/ip-address.ts';
import { CommandFailed, EXIT_CODES } from '../exit-codes.ts';
import { parsePortNumber, parseUid } from '../proxy/mode-options.ts';
import { formatTable, outputOption, printAs, type OutputFormat } from '../output.ts';
import { paint } from '../paint.ts';
import { checkRedirect } from '../redirect/check.ts';
import { expectPrivilege, findFirewalls, firewallToShow } from '../redirect/firewall.ts';
import { fingerprint, makeRules, type DnsWay, type RedirectPlan, type Rule } from '../redirect/rules.ts';

const NOBODY = '65534';
const MAX_EXEMPT = 64;

interface ToolOptions {
  readonly tool: 'auto' | 'nftables' | 'iptables';
  readonly output: OutputFormat;
}

interface PlanOptions extends ToolOptions {
  readonly proxyUid: string;
  readonly port: string;
  readonly exemptUid?: readonly string[];
  readonly dns: string;
  readonly dropUdp?: boolean;
}

export function define(command: Command): void {
  addPlanOptions(command.command('install').description("redirect every other user's outbound TCP to the proxy"))
    .option('--print', 'show the rules without applying them')
    .addHelpText('after', example('install --proxy-uid 1337 --port 15001 --print'))
    .action(install);
  addToolOptions(command.command('remove').description('remove what install installed, and nothing else'))
    .addHelpText('after', example('remove'))
    .action(remove);
  addPlanOptions(
    command.command('check').description('prove by real connections that agents are caught and the proxy is not'),
  )
    .addOption(new Option('--agent-uid <uid>', 'the user to try it as; without root always your own').default(NOBODY))
    .addHelpText('after', `\nExit code 3 when it found a fault.\n${example('check --proxy-uid 1337 --port 15001')}`)
    .action(check);
  command.addHelpText(
    'after',
    `
The rules are of this network name space: in a pod, of all its containers. They catch TCP over IPv4 and IPv6 to any port, drop
QUIC, and leave loopback and the users --proxy-uid and --exempt-uid alone. They do not catch connections that stand already, but
may cut them: over SSH, have a second way in, or connect again.

Examples:
  sidekey redirect install --proxy-uid 1337 --port 15001
  sidekey redirect check --proxy-uid 1337 --port 15001
  sidekey redirect remove`,
  );
}

function example(line: string): string {
  return `\nExample:\n  sidekey redirect ${line}`;
}

function addToolOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--tool <name>', 'what writes the rules; auto prefers nftables, and with remove is both')
        .choices(['auto', 'nftables', 'iptables'])
        .default('auto'),
    )
    .addOption(outputOption());
}

function addPlanOptions(command: Command): Command {
  return addToolOptions(command)
    .addOption(
      new Option('--proxy-uid <uid>', 'the user that the proxy runs as').env('SIDEKEY_PROXY_UID').makeOptionMandatory(),
    )
    .addOption(
      new Option('--port <port>', "the proxy's --transparent port")
        .env('SIDEKEY_TRANSPARENT_PORT')
        .makeOptionMandatory(),
    )
    .option('--exempt-uid <uid...>', 'leave these users alone too, such as those of the platform')
    .option(
      '--dns <way>',
      'leave, drop, or the addresses of resolvers that get all queries, divided by a comma',
      'leave',
    )
    .option('--drop-udp', 'drop all UDP but DNS, not QUIC alone');
}

function install(options: PlanOptions & { readonly print?: boolean }): void {
  const rules = rulesOf(options);
  if (options.print === true) return print(options, rules);
  expectPrivilege();
  const [firewall] = findFirewalls(options.tool);
  firewall.install(rules);
  // Both would have their say, each with a port of its own.
  for (const other of findFirewalls('auto')) if (other !== firewall) other.remove();
  report(options, { installed: true, tool: firewall.name, fingerprint: fingerprint(rules), rules: rules.length });
}

function print(options: PlanOptions, rules: readonly Rule[]): void {
  const firewall = firewallToShow(options.tool);
  const text = firewall.render(rules);
  printAs(options.output, { tool: firewall.name, fingerprint: fingerprint(rules), text, rules }, () => text.trimEnd());
}

function remove(options: ToolOptions): void {
  expectPrivilege();
  const firewalls = findFirewalls(options.tool);
  const cleared = firewalls.filter((firewall) => firewall.remove());
  const removed = cleared.length > 0;
  const tool = (removed ? cleared : firewalls).map(({ name }) => name).join(' and ');
  printAs(options.output, { removed, tool }, () =>
    paint('green', removed ? `the rules of ${tool} are removed` : `${tool} had no rules to remove`),
  );
}

async function check(options: PlanOptions & { readonly agentUid: string }): Promise<void> {
  const own = process.geteuid?.() ?? 0;
  const users = {
    proxyUid: parseUid(options.proxyUid, '--proxy-uid'),
    agentUid: own === 0 ? parseUid(options.agentUid, '--agent-uid') : own,
  };
  if (users.agentUid === users.proxyUid) {
    throw new UsageError('same-user', 'the agent runs as the same user as the proxy, which is never caught');
  }
  const findings = await checkRedirect(() => findFirewalls(options.tool)[0], rulesOf(options), users);
  printAs(options.output, findings, () =>
    formatTable(
      ['CHECK', 'VERDICT', 'DETAIL'],
      findings.map((found) => [found.check, found.verdict, found.detail]),
    ),
  );
  const bad = findings.filter(({ verdict }) => verdict === 'fault').length;
  if (bad > 0) throw new CommandFailed(EXIT_CODES.denied, `${bad} of ${findings.length} checks found a fault`);
}

function report(options: ToolOptions, done: Readonly<Record<string, unknown>>): void {
  printAs(options.output, done, () => {
    const what = Object.entries(done).map(([name, value]) => `${name}: ${String(value)}`);
    return paint('green', what.join(', '));
  });
}

function rulesOf(options: PlanOptions): Rule[] {
  const uids = [parseUid(options.proxyUid, '--proxy-uid')];
  for (const text of options.exemptUid ?? []) uids.push(parseUid(text, '--exempt-uid'));
  if (uids.length > MAX_EXEMPT) throw new UsageError('too-many', `--exempt-uid: more than ${MAX_EXEMPT} users`);
  const plan: RedirectPlan = {
    port: parsePortNumber(options.port, '--port'),
    exemptUids: [...new Set(uids)],
    dns: parseDns(options.dns),
    dropUdp: options.dropUdp === true,
  };
  return makeRules(plan);
}

function parseDns(text: string): DnsWay {
  if (text === 'leave' || text === 'drop') return { kind: text };
  const resolvers: Partial<Record<Family, string>> = {};
  for (const address of text.split(',')) {
    const bytes = readIpAddress(address);
    const family = bytes?.length === 4 ? 'IPv4' : 'IPv6';
    if (bytes === undefined || resolvers[family] !== undefined) {
      throw new UsageError('bad-dns', `--dns: use leave, drop, or one resolver address a family, not "${text}"`);
    }
    resolvers[family] = address;
  }
  return { kind: 'to', resolvers };
}
