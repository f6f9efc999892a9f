import { beforeEach, describe, expect, it, vi } from 'vitest';
import { nftables, renderNft } from '../../../../cli/redirect/nftables.ts';
import { makeRules, type RedirectPlan } from '../../../../cli/redirect/rules.ts';
import { kernel } from '../../../fakes/kernel-tables.ts';

vi.mock('../../../../cli/redirect/run-tool.ts', async (original) => ({
  ...(await original<object>()),
  runTool: (await import('../../../fakes/kernel-tables.ts')).runTool,
}));

const PLAN: RedirectPlan = { port: 15_001, exemptUids: [1337], dns: { kind: 'leave' }, dropUdp: false };
const RULES = makeRules(PLAN);
const OTHERS = makeRules({ ...PLAN, port: 15_002 });

let others: string[];
/** Ours, as `nft list table` shows it. */
let listed: string | undefined;
let refused: string | undefined;

beforeEach(() => {
  others = ['table inet filter', 'table inet sidekey2'];
  listed = undefined;
  refused = undefined;
  kernel.run = (tool, args, input = '') => {
    const words = [tool, ...args].join(' ');
    if (words === refused)
      return { code: 1, stdout: '', stderr: 'Operation not permitted (you must be root)\nnetlink: Error' };
    if (words === 'nft list tables inet') {
      const tables = listed === undefined ? others : [...others, 'table inet sidekey'];
      return { code: 0, stdout: `${tables.join('\n')}\n`, stderr: '' };
    }
    if (words === 'nft list table inet sidekey' && listed !== undefined) return { code: 0, stdout: listed, stderr: '' };
    if (words === 'nft delete table inet sidekey' && listed !== undefined) {
      listed = undefined;
      return { code: 0, stdout: '', stderr: '' };
    }
    if (words !== 'nft -f -') return { code: 1, stdout: '', stderr: `unexpected: ${words}` };
    // What a transaction leaves: the table as it is written last.
    listed = input.slice(input.lastIndexOf('table inet sidekey {'));
    return { code: 0, stdout: '', stderr: '' };
  };
});

/** Changes one line of what is installed. */
function edit(change: (lines: string[]) => unknown): void {
  const lines = (listed ?? '').split('\n');
  change(lines);
  listed = lines.join('\n');
}

const lineOf = (lines: readonly string[], text: string): number => lines.findIndex((line) => line.includes(text));
const OTHER = 'the rules are not those that these options ask for';
const FOREIGN = 'the table has rules that Sidekey did not write';

describe('nftables', () => {
  it('has no fault once it is installed, over what was there before too', () => {
    nftables.install(OTHERS);
    nftables.install(RULES);
    expect(`table inet sidekey\ndelete table inet sidekey\n${listed}`).toBe(renderNft(RULES));
    expect(nftables.faults(RULES)).toEqual([]);
  });

  it.each<[string, (lines: string[]) => unknown, string[]]>([
    ['a rule is gone', (lines) => lines.splice(lineOf(lines, 'redirect to'), 1), [OTHER]],
    ['a rule is there twice', (lines) => lines.splice(3, 0, lines[lineOf(lines, 'redirect to')] ?? ''), [OTHER]],
    ['rules changed places', (lines) => lines.splice(3, 3, ...lines.slice(3, 6).reverse()), [OTHER]],
    [
      'one has the mark of others',
      (lines) => (lines[3] = lines[3]?.replace(/comment ".*"/, 'comment "mine"') ?? ''),
      [OTHER],
    ],
    ...['return', 'drop', 'accept', 'jump elsewhere', 'goto elsewhere', 'redirect to :1', 'dnat ip to 10.0.0.1'].map(
      (verdict): [string, (lines: string[]) => unknown, string[]] => [
        `somebody else wrote: ${verdict}`,
        (lines) => lines.splice(3, 0, `    meta l4proto tcp ${verdict}`),
        [FOREIGN],
      ],
    ),
    ['all of that', (lines) => lines.splice(3, 1, '    accept'), [OTHER, FOREIGN]],
  ])('has a fault where %s', (_, change, expected) => {
    nftables.install(RULES);
    edit(change);
    expect(nftables.faults(RULES)).toEqual(expected);
  });

  it('has a fault where other rules are installed, and where none are', () => {
    expect(nftables.faults(RULES)).toEqual(['the rules are not installed']);
    nftables.install(OTHERS);
    expect(nftables.faults(RULES)).toEqual([OTHER]);
  });

  it('removes its table alone, and says whether there was one', () => {
    expect(nftables.remove()).toBe(false);
    nftables.install(RULES);
    expect(nftables.remove()).toBe(true);
    expect([listed, nftables.remove()]).toEqual([undefined, false]);
  });

  it.each([
    ['nft -f -', () => nftables.install(RULES), 'nft -f failed: Operation not permitted (you must be root)'],
    [
      'nft list tables inet',
      () => nftables.faults(RULES),
      'nft list failed: Operation not permitted (you must be root)',
    ],
    [
      'nft delete table inet sidekey',
      () => nftables.remove(),
      'nft delete failed: Operation not permitted (you must be root)',
    ],
  ])('says what the tool said first where it refuses: %s', (words, run, message) => {
    nftables.install(RULES);
    refused = words;
    expect(run).toThrow(message);
  });

  it('needs one tool, and shows what it would be given', () => {
    expect([nftables.tools(), nftables.render(RULES)]).toEqual([['nft'], renderNft(RULES)]);
  });
});
