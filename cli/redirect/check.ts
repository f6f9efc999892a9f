import { FAMILIES, type Family } from '../../common/net/probe.ts';
import { type Firewall, mayAdminister } from './firewall.ts';
import { probeAs, type ProbeResult } from './probe.ts';
import type { Rule } from './rules.ts';

export interface Finding {
  readonly check: string;
  readonly verdict: 'ok' | 'fault' | 'skipped';
  readonly detail: string;
}

interface Users {
  readonly proxyUid: number;
  /** Whose traffic is tried; root may try any user's, everybody else their own. */
  readonly agentUid: number;
}

/** Compares the installed rules, then proves by real connections that an agent is caught and that the proxy is not. */
export async function checkRedirect(find: () => Firewall, rules: readonly Rule[], users: Users): Promise<Finding[]> {
  const findings = [checkRules(find, rules)];
  const agents = mayActAs(users.agentUid) ? await probeAs(users.agentUid) : undefined;
  for (const family of FAMILIES) findings.push(judgeCaught(family, users.agentUid, agents?.[family]));
  if (agents !== undefined && FAMILIES.every((family) => agents[family] === 'no-route')) {
    findings.push({ check: 'redirection', verdict: 'fault', detail: 'no family has a route: nothing could be proven' });
  }
  const proxys = mayActAs(users.proxyUid) ? await probeAs(users.proxyUid) : undefined;
  for (const family of FAMILIES) findings.push(judgeLeftAlone(family, users.proxyUid, proxys?.[family]));
  return findings;
}

function checkRules(find: () => Firewall, rules: readonly Rule[]): Finding {
  const check = 'rules';
  if (!mayAdminister()) return { check, verdict: 'skipped', detail: 'reading them needs root or CAP_NET_ADMIN' };
  const firewall = find();
  const faults = firewall.faults(rules);
  return faults.length === 0
    ? { check, verdict: 'ok', detail: firewall.name }
    : { check, verdict: 'fault', detail: faults.join('; ') };
}

const CAUGHT: Readonly<Record<ProbeResult, Omit<Finding, 'check'>>> = {
  sidekey: { verdict: 'ok', detail: 'answered by the proxy' },
  taken: {
    verdict: 'fault',
    detail: 'taken, but not answered by a proxy: is it running, and is this user one of its --allow-uid?',
  },
  nobody: { verdict: 'fault', detail: 'it was not redirected, or the proxy does not listen there' },
  'no-route': { verdict: 'skipped', detail: 'this machine has no route for it' },
};

const NOT_TRIED = { verdict: 'skipped', detail: 'acting as another user needs root' } as const;

function judgeCaught(family: Family, uid: number, result: ProbeResult | undefined): Finding {
  return { check: `${family} of uid ${uid} is caught`, ...(result === undefined ? NOT_TRIED : CAUGHT[result]) };
}

function judgeLeftAlone(family: Family, uid: number, result: ProbeResult | undefined): Finding {
  const check = `${family} of uid ${uid} (the proxy) is left alone`;
  if (result === undefined) return { check, ...NOT_TRIED };
  return result === 'sidekey'
    ? { check, verdict: 'fault', detail: 'it is redirected to the proxy itself: is this its uid?' }
    : { check, verdict: 'ok', detail: '' };
}

function mayActAs(uid: number): boolean {
  const own = process.geteuid?.();
  return own === 0 || own === uid;
}
