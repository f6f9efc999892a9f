import { createHash } from 'node:crypto';
import type { Family } from '../../common/net/probe.ts';

/** What becomes of DNS: left alone, dropped, or sent to resolvers, of which there may be one a family. */
export type DnsWay =
  | { readonly kind: 'leave' }
  | { readonly kind: 'drop' }
  | { readonly kind: 'to'; readonly resolvers: Partial<Record<Family, string>> };

export interface RedirectPlan {
  /** The proxy's transparent port, on 127.0.0.1 and ::1. */
  readonly port: number;
  /** Users whose traffic is left alone: the proxy's, and perhaps the platform's own. */
  readonly exemptUids: readonly number[];
  readonly dns: DnsWay;
  /** Drop all UDP but DNS, not QUIC alone. */
  readonly dropUdp: boolean;
}

export type Protocol = 'tcp' | 'udp' | 'sctp' | 'dccp' | 'udplite';

/** One rule; what it does not name matches everything. */
export interface Rule {
  /** Where it stands: `nat` sees the first packet of a connection, `filter` then every packet, with its new destination. */
  readonly table: 'nat' | 'filter';
  readonly family?: Family;
  readonly uid?: number;
  readonly toLoopback?: true;
  readonly protocol?: Protocol;
  readonly port?: number;
  /** `return` leaves it alone. */
  readonly verdict: 'return' | 'drop' | { readonly redirectTo: number } | { readonly sendTo: string };
}

/** Everything is named thus, so that it can be found and removed exactly. */
export const OWN_NAME = 'sidekey';

const DNS_PORT = 53;
/** HTTP/3, and DNS over QUIC (RFC 9250). */
const QUIC_PORTS = [443, 853] as const;
/** What a program may send without privileges beside TCP and UDP. */
const OTHER_TRANSPORTS: readonly Protocol[] = ['sctp', 'dccp', 'udplite'];
const BOTH: readonly Family[] = ['IPv4', 'IPv6'];

/** The rules in their order; the first that matches in a table decides. */
export function makeRules(plan: RedirectPlan): Rule[] {
  return [...natRules(plan), ...filterRules(plan)];
}

function natRules({ port, exemptUids, dns }: RedirectPlan): Rule[] {
  const table = 'nat';
  return [
    ...exemptUids.map((uid): Rule => ({ table, uid, verdict: 'return' })),
    ...(dns.kind === 'to' ? sendDns(dns.resolvers) : []),
    ...loopback(table),
    { table, protocol: 'tcp', verdict: { redirectTo: port } },
  ];
}

function sendDns(resolvers: Partial<Record<Family, string>>): Rule[] {
  return BOTH.flatMap((family) => {
    const resolver = resolvers[family];
    if (resolver === undefined) return [];
    return (['udp', 'tcp'] as const).map(
      (protocol): Rule => ({ table: 'nat', family, protocol, port: DNS_PORT, verdict: { sendTo: resolver } }),
    );
  });
}

function filterRules({ exemptUids, dns, dropUdp }: RedirectPlan): Rule[] {
  const table = 'filter';
  const udp = (port: number, verdict: 'return' | 'drop', family?: Family): Rule => ({
    table,
    ...(family === undefined ? {} : { family }),
    protocol: 'udp',
    port,
    verdict,
  });
  const unresolved = dns.kind === 'to' ? BOTH.filter((family) => dns.resolvers[family] === undefined) : [];
  return [
    ...exemptUids.map((uid): Rule => ({ table, uid, verdict: 'return' })),
    // Before loopback: a resolver on this machine passes names on like any other.
    ...(dns.kind === 'drop' ? [udp(DNS_PORT, 'drop')] : unresolved.map((family) => udp(DNS_PORT, 'drop', family))),
    ...loopback(table),
    ...(dropUdp && dns.kind !== 'drop' ? [udp(DNS_PORT, 'return')] : []),
    ...(dropUdp
      ? [{ table, protocol: 'udp', verdict: 'drop' } satisfies Rule]
      : QUIC_PORTS.map((port) => udp(port, 'drop'))),
    ...OTHER_TRANSPORTS.map((protocol): Rule => ({ table, protocol, verdict: 'drop' })),
  ];
}

/** Addresses of this machine other than these are no loopback: a call to them is caught. */
function loopback(table: Rule['table']): Rule[] {
  return BOTH.map((family) => ({ table, family, toLoopback: true, verdict: 'return' }));
}

/** A mark that every installed rule carries: it names the whole set, so that a change of options shows. */
export function fingerprint(rules: readonly Rule[]): string {
  return createHash('sha256').update(JSON.stringify(rules)).digest('hex').slice(0, 12);
}

/** The comment of the rule at this place. */
export function commentOf(rules: readonly Rule[], at: number): string {
  return `${OWN_NAME} ${fingerprint(rules)} ${at + 1}/${rules.length}`;
}
