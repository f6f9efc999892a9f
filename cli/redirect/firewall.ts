import { readFileSync } from 'node:fs';
import { CommandFailed, EXIT_CODES } from '../exit-codes.ts';
import { iptables } from './iptables.ts';
import { nftables } from './nftables.ts';
import type { Rule } from './rules.ts';
import { runTool } from './run-tool.ts';

/** A way to put rules into the kernel. All throw CommandFailed with what the tool said. */
export interface Firewall {
  readonly name: 'nftables' | 'iptables';
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

/** The firewall that is asked for, or the first that is here. @throws CommandFailed */
export function findFirewall(wanted: 'auto' | 'nftables' | 'iptables'): Firewall {
  if (wanted !== 'iptables' && isHere('nft')) return nftables;
  if (wanted !== 'nftables' && isHere('iptables')) return iptables;
  const names = wanted === 'auto' ? 'neither nft nor iptables is' : `${wanted} is not`;
  throw new CommandFailed(EXIT_CODES.failed, `${names} installed here: install the package nftables or iptables`);
}

/** The firewall whose rules are shown: that which would be used, and nftables where there is none. */
export function firewallToShow(wanted: 'auto' | 'nftables' | 'iptables'): Firewall {
  if (wanted === 'auto') return !isHere('nft') && isHere('iptables') ? iptables : nftables;
  return wanted === 'iptables' ? iptables : nftables;
}

function isHere(tool: 'nft' | 'iptables'): boolean {
  return runTool(tool, ['--version']).code === 0;
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
