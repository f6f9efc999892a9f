import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { expectPrivilege, findFirewalls, firewallToShow, mayAdminister } from '../../../../cli/redirect/firewall.ts';

const machine = vi.hoisted(() => ({ tools: [] as string[], status: '' as string | undefined }));
vi.mock('../../../../cli/redirect/run-tool.ts', async (original) => ({
  ...(await original<object>()),
  runTool: (tool: string, [option]: readonly string[]) => ({
    code: option === '--version' && machine.tools.includes(tool) ? 0 : undefined,
    stdout: '',
    stderr: '',
  }),
}));
vi.mock('node:fs', async (original) => ({
  ...(await original<object>()),
  existsSync: () => true,
  readFileSync: (path: string) => {
    if (path !== '/proc/self/status' || machine.status === undefined) throw new Error(`no ${path}`);
    return machine.status;
  },
}));

const IPTABLES = ['iptables', 'ip6tables'];

beforeEach(() => {
  machine.tools = ['nft', ...IPTABLES];
  machine.status = 'Name:\tnode\nCapPrm:\t000001ffffffffff\nCapEff:\t0000000000001000\nCapBnd:\t000001ffffffffff\n';
});
afterEach(() => vi.unstubAllGlobals());

it.each([
  ['auto', ['nft', ...IPTABLES], ['nftables', 'iptables'], 'nftables'],
  ['auto', ['nft', 'iptables'], ['nftables'], 'nftables'],
  ['auto', IPTABLES, ['iptables'], 'iptables'],
  ['nftables', ['nft', ...IPTABLES], ['nftables'], 'nftables'],
  ['iptables', ['nft', ...IPTABLES], ['iptables'], 'iptables'],
] as const)('%s takes what is here whole, nftables first: of %j', (wanted, tools, expected, shown) => {
  machine.tools = [...tools];
  expect(findFirewalls(wanted).map(({ name }) => name)).toEqual(expected);
  expect(firewallToShow(wanted).name).toBe(shown);
});

it.each([
  ['auto', [], 'nft, iptables, ip6tables', 'nftables'],
  ['auto', ['iptables'], 'nft, ip6tables', 'nftables'],
  ['nftables', IPTABLES, 'nft', 'nftables'],
  ['iptables', ['nft', 'ip6tables'], 'iptables', 'iptables'],
] as const)('%s says what is missing: of %j, %s', (wanted, tools, missing, shown) => {
  machine.tools = [...tools];
  expect(() => findFirewalls(wanted)).toThrow(`not installed here: ${missing}: install`);
  expect(firewallToShow(wanted).name).toBe(shown);
});

it.each([
  ['0000000000001000', true],
  ['000001ffffffffff', true],
  ['0000000000000fff', false],
  ['ffffffffffffefff', false],
  ['0000000000000000', false],
])('who has the capabilities %s may change rules: %s', (capabilities, may) => {
  machine.status = `CapPrm:\t000001ffffffffff\nCapEff:\t${capabilities}\nCapBnd:\t000001ffffffffff\n`;
  expect(mayAdminister()).toBe(may);
});

it('who cannot be told to have them may not', () => {
  for (const status of [undefined, '', 'CapPrm:\t000001ffffffffff\n', 'CapEff:\tall\n']) {
    machine.status = status;
    expect(mayAdminister()).toBe(false);
    expect(expectPrivilege).toThrow(/needs root or CAP_NET_ADMIN/);
  }
});

it('rules are changed on Linux alone, by who may', () => {
  expect(expectPrivilege()).toBeUndefined();
  vi.stubGlobal('process', { ...process, platform: 'darwin' });
  expect(expectPrivilege).toThrow('redirection works on Linux only');
});
