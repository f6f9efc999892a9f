import { createHash } from 'node:crypto';
import { FAMILIES, type Family } from '../../common/net/probe.ts';

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

/** Others go by number (IANA): not every machine has their names. */
export type Protocol = 'tcp' | 'udp' | number;

/** One rule; what it does not name matches everything. */
export interface Rule {
  /**
   * Where it stands, in the order of packets: `raw` sees each as its program sent it, `nat` the first of a connection,
   * `filter` each with its new destination.
   */
  readonly table: 'raw' | 'nat' | 'filter';
  readonly family?: Family;
  readonly uid?: number;
  readonly toLoopback?: true;
  readonly protocol?: Protocol;
  readonly port?: number;
  /** Packets of no connection that the kernel knows: `nat` never sees them, so that they would leave as they are. */
  readonly isStray?: true;
  /** `return` leaves it alone. */
  readonly verdict: 'return' | 'drop' | { readonly redirectTo: number } | { readonly sendTo: string };
}

/** Everything is named thus, so that it can be found and removed exactly. */
export const OWN_NAME = 'sidekey';

const DNS_PORT = 53;
const DNS_TRANSPORTS = ['udp', 'tcp'] as const;
/** HTTP/3, and DNS over QUIC (RFC 9250). */
const QUIC_PORTS = [443, 853] as const;
/** What a program may send without privileges beside TCP and UDP: SCTP, DCCP, UDP-Lite, L2TP. */
const OTHER_TRANSPORTS: readonly Protocol[] = [132, 33, 136, 115];

/** The rules in their order; the first that matches in a table decides. */
export function makeRules(plan: RedirectPlan): Rule[] {
  return [...rawRules(plan), ...natRules(plan), ...filterRules(plan)];
}

/** DNS that nobody may send is dropped before anything, such as Docker's own rules, changes where it goes; loopback too. */
function rawRules({ exemptUids, dns }: RedirectPlan): Rule[] {
  const table = 'raw';
  const families = dns.kind === 'to' ? FAMILIES.filter((family) => dns.resolvers[family] === undefined) : FAMILIES;
  if (dns.kind === 'leave' || families.length === 0) return [];
  const drops = families.flatMap((family) =>
    DNS_TRANSPORTS.map((protocol): Rule => ({ table, family, protocol, port: DNS_PORT, verdict: 'drop' })),
  );
  return [...exemptUids.map((uid): Rule => ({ table, uid, verdict: 'return' })), ...drops];
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
  return FAMILIES.flatMap((family) => {
    const resolver = resolvers[family];
    if (resolver === undefined) return [];
    return DNS_TRANSPORTS.map(
      (protocol): Rule => ({ table: 'nat', family, protocol, port: DNS_PORT, verdict: { sendTo: resolver } }),
    );
  });
}

function filterRules({ exemptUids, dns, dropUdp }: RedirectPlan): Rule[] {
  const table = 'filter';
  const udp = (port: number, verdict: 'return' | 'drop'): Rule => ({ table, protocol: 'udp', port, verdict });
  return [
    ...exemptUids.map((uid): Rule => ({ table, uid, verdict: 'return' })),
    ...loopback(table),
    { table, protocol: 'tcp', isStray: true, verdict: 'drop' },
    ...(dropUdp && dns.kind !== 'drop' ? [udp(DNS_PORT, 'return')] : []),
    ...(dropUdp
      ? [{ table, protocol: 'udp', verdict: 'drop' } satisfies Rule]
      : QUIC_PORTS.map((port) => udp(port, 'drop'))),
    ...OTHER_TRANSPORTS.map((protocol): Rule => ({ table, protocol, verdict: 'drop' })),
  ];
}

/** Addresses of this machine other than these are no loopback: a call to them is caught. */
function loopback(table: Rule['table']): Rule[] {
  return FAMILIES.map((family) => ({ table, family, toLoopback: true, verdict: 'return' }));
}

/** A mark that every installed rule carries: it names the whole set, so that a change of options shows. */
export function fingerprint(rules: readonly Rule[]): string {
  return createHash('sha256').update(JSON.stringify(rules)).digest('hex').slice(0, 12);
}

/** The comment of the rule at this place. */
export function commentOf(rules: readonly Rule[], at: number): string {
  return `${OWN_NAME} ${fingerprint(rules)} ${at + 1}/${rules.length}`;
}
