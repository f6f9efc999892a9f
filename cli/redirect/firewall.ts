import { readFileSync } from 'node:fs';
import { CommandFailed, EXIT_CODES } from '../exit-codes.ts';
import { iptables } from './iptables.ts';
import { nftables } from './nftables.ts';
import type { Rule } from './rules.ts';
import { runTool } from './run-tool.ts';

/** A way to put rules into the kernel. All throw CommandFailed with what the tool said. */
export interface Firewall {
  readonly name: 'nftables' | 'iptables';
  /** The programs that it takes here. */
  tools(): readonly string[];
  /** The rules as the tool takes them. */
  render(rules: readonly Rule[]): string;
  /** Puts exactly these rules in place of whatever Sidekey had installed. */
  install(rules: readonly Rule[]): void;
  /** Removes what Sidekey installed and nothing else; false when there was nothing. */
  remove(): boolean;
  /** How what is installed differs from these rules. */
  faults(rules: readonly Rule[]): string[];
}

const CAP_NET_ADMIN = 12n;

type Wanted = 'auto' | Firewall['name'];

/** In the order in which they are preferred. */
const FIREWALLS: readonly Firewall[] = [nftables, iptables];

/** The firewalls of those asked for that are here; never none. @throws CommandFailed */
export function findFirewalls(wanted: Wanted): readonly [Firewall, ...Firewall[]] {
  const asked = FIREWALLS.filter(({ name }) => wanted === 'auto' || name === wanted);
  const [first, ...others] = asked.filter((firewall) => missingTools(firewall).length === 0);
  if (first !== undefined) return [first, ...others];
  const missing = asked.flatMap(missingTools).join(', ');
  throw new CommandFailed(
    EXIT_CODES.failed,
    `not installed here: ${missing}: install the package nftables or iptables`,
  );
}

/** The firewall whose rules are shown: that which would be used, and nftables where there is none. */
export function firewallToShow(wanted: Wanted): Firewall {
  return (
    FIREWALLS.find(({ name }) => name === wanted) ?? FIREWALLS.find((one) => missingTools(one).length === 0) ?? nftables
  );
}

function missingTools(firewall: Firewall): string[] {
  return firewall.tools().filter((tool) => runTool(tool, ['--version']).code !== 0);
}

/** Whether this process may read and change firewall rules (capabilities(7)). */
export function mayAdminister(): boolean {
  const found = /^CapEff:\s*([0-9a-f]+)$/m.exec(readStatus());
  return found !== null && ((BigInt(`0x${found[1]}`) >> CAP_NET_ADMIN) & 1n) === 1n;
}

/** @throws CommandFailed */
export function expectPrivilege(): void {
  if (process.platform !== 'linux') throw new CommandFailed(EXIT_CODES.failed, 'redirection works on Linux only');
  if (mayAdminister()) return;
  throw new CommandFailed(
    EXIT_CODES.failed,
    'changing firewall rules needs root or CAP_NET_ADMIN; --print shows the rules without applying them',
  );
}

function readStatus(): string {
  try {
    return readFileSync('/proc/self/status', 'utf8');
  } catch {
    return '';
  }
}
