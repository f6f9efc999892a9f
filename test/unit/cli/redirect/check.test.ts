import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { checkRedirect } from '../../../../cli/redirect/check.ts';
import type { Firewall } from '../../../../cli/redirect/firewall.ts';
import type { ProbeResult } from '../../../../cli/redirect/probe.ts';
import { makeRules } from '../../../../cli/redirect/rules.ts';

const AGENT = 1_000;
const PROXY = 1_337;
const RULES = makeRules({ port: 15_001, exemptUids: [PROXY], dns: { kind: 'leave' }, dropUdp: false });

type Answers = Readonly<Record<'IPv4' | 'IPv6', ProbeResult>>;
/** Who may read rules, and what those who dial as a user find. */
const machine = vi.hoisted(() => ({ administers: true, answers: new Map<number, unknown>() }));
vi.mock('../../../../cli/redirect/probe.ts', () => ({ probeAs: async (uid: number) => machine.answers.get(uid) }));
vi.mock('../../../../cli/redirect/firewall.ts', () => ({ mayAdminister: () => machine.administers }));

const CAUGHT: Answers = { IPv4: 'sidekey', IPv6: 'sidekey' };
const FREE: Answers = { IPv4: 'nobody', IPv6: 'nobody' };
let faults: string[];

beforeEach(() => {
  machine.administers = true;
  machine.answers = new Map<number, unknown>([
    [AGENT, CAUGHT],
    [PROXY, FREE],
  ]);
  faults = [];
  vi.spyOn(process, 'geteuid').mockImplementation(() => 0);
});
afterEach(() => vi.restoreAllMocks());

/** The verdict of each check, with what is said of those that are not well. */
async function check(): Promise<string[]> {
  const firewall = {
    name: 'nftables',
    faults: (rules: unknown) => (rules === RULES ? faults : ['other rules']),
  } as unknown as Firewall;
  const findings = await checkRedirect(() => firewall, RULES, { proxyUid: PROXY, agentUid: AGENT });
  return findings.map(
    ({ check: name, verdict, detail }) => `${name}: ${verdict}${verdict === 'ok' ? '' : `, ${detail}`}`,
  );
}

const WELL = [
  'rules: ok',
  'IPv4 of uid 1000 is caught: ok',
  'IPv6 of uid 1000 is caught: ok',
  'IPv4 of uid 1337 (the proxy) is left alone: ok',
  'IPv6 of uid 1337 (the proxy) is left alone: ok',
];

/** As all is well, but for these lines. */
const but = (...lines: readonly (readonly [number, string])[]): string[] =>
  WELL.map((line, at) => lines.find(([which]) => which === at)?.[1] ?? line);

describe('a redirection', () => {
  it('is proven by an agent that is caught and a proxy that is not', async () => {
    expect(await check()).toEqual(WELL);
    // Whom nobody redirects may still be answered, or have no route.
    machine.answers.set(PROXY, { IPv4: 'taken', IPv6: 'no-route' });
    expect(await check()).toEqual(WELL);
  });

  it('is at fault where its rules are', async () => {
    faults = ['one', 'another'];
    expect(await check()).toEqual(but([0, 'rules: fault, one; another']));
  });

  it.each<[ProbeResult, string]>([
    ['taken', 'fault, taken, but not answered by a proxy: is it running, and is this user one of its --allow-uid?'],
    ['nobody', 'fault, it was not redirected, or the proxy does not listen there'],
    ['no-route', 'skipped, this machine has no route for it'],
  ])('whose agent finds in one family: %s', async (result, said) => {
    machine.answers.set(AGENT, { ...CAUGHT, IPv6: result });
    expect(await check()).toEqual(but([2, `IPv6 of uid 1000 is caught: ${said}`]));
  });

  it('is proven by nothing where there is no route at all', async () => {
    machine.answers.set(AGENT, { IPv4: 'no-route', IPv6: 'no-route' });
    const skipped = 'is caught: skipped, this machine has no route for it';
    const expected = but([1, `IPv4 of uid 1000 ${skipped}`], [2, `IPv6 of uid 1000 ${skipped}`]);
    expected.splice(3, 0, 'redirection: fault, no family has a route: nothing could be proven');
    expect(await check()).toEqual(expected);
  });

  it('is at fault where the proxy is redirected to itself', async () => {
    machine.answers.set(PROXY, { ...FREE, IPv4: 'sidekey' });
    const said = 'fault, it is redirected to the proxy itself: is this its uid?';
    expect(await check()).toEqual(but([3, `IPv4 of uid 1337 (the proxy) is left alone: ${said}`]));
  });

  it('is tried as oneself alone by who is not root', async () => {
    machine.administers = false;
    const cannot = 'skipped, acting as another user needs root';
    vi.spyOn(process, 'geteuid').mockImplementation(() => AGENT);
    expect(await check()).toEqual(
      but(
        [0, 'rules: skipped, reading them needs root or CAP_NET_ADMIN'],
        [3, `IPv4 of uid 1337 (the proxy) is left alone: ${cannot}`],
        [4, `IPv6 of uid 1337 (the proxy) is left alone: ${cannot}`],
      ),
    );
    vi.spyOn(process, 'geteuid').mockImplementation(() => PROXY);
    expect(await check()).toEqual(
      but(
        [0, 'rules: skipped, reading them needs root or CAP_NET_ADMIN'],
        [1, `IPv4 of uid 1000 is caught: ${cannot}`],
        [2, `IPv6 of uid 1000 is caught: ${cannot}`],
      ),
    );
  });
});
