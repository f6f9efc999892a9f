import { spawnSync } from 'node:child_process';

/**
 * Redirects what a user's processes dial, as a transparent proxy needs it: one nftables table of the bench's own with
 * one rule a user and port. Nothing else on this machine is touched, and the table goes when the bench ends.
 */

const TABLE = 'sidekey_bench';

export interface Redirection {
  readonly uid: number;
  readonly from: number;
  readonly to: number;
}

/** @returns why it is not possible here, or undefined */
export function installRedirections(redirections: readonly Redirection[]): string | undefined {
  if (process.getuid?.() !== 0) return 'redirecting needs root';
  removeRedirections();
  const rules = redirections.map(
    ({ uid, from, to }) => `meta skuid ${uid} ip daddr 127.0.0.1 tcp dport ${from} redirect to :${to}`,
  );
  const text = `table ip ${TABLE} {\n  chain output {\n    type nat hook output priority -100;\n    ${rules.join('\n    ')}\n  }\n}\n`;
  const { status, error, stderr } = spawnSync('nft', ['-f', '-'], { input: text, encoding: 'utf8' });
  if (error !== undefined) return 'nft is not installed';
  return status === 0 ? undefined : `nft: ${stderr.split('\n')[0] ?? ''}`;
}

export function removeRedirections(): void {
  spawnSync('nft', ['delete', 'table', 'ip', TABLE], { stdio: 'ignore' });
}
