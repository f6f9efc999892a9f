import { describe, expect, it } from 'vitest';
import { renderIptables } from '../../../../cli/redirect/iptables.ts';
import { renderNft } from '../../../../cli/redirect/nftables.ts';
import { fingerprint, makeRules, type RedirectPlan } from '../../../../cli/redirect/rules.ts';

const PLAN: RedirectPlan = { port: 15_001, exemptUids: [1337], dns: { kind: 'leave' }, dropUdp: false };
const bare = (text: string): string[] =>
  text
    .split('\n')
    .map((line) => line.replace(/ (?:-m comment --)?comment "[^"]*"/, '').trim())
    .filter((line) => line !== '');

describe('the rules of a redirection', () => {
  it('for nftables', () => {
    expect(bare(renderNft(makeRules(PLAN)))).toEqual([
      'table inet sidekey',
      'delete table inet sidekey',
      'table inet sidekey {',
      'chain output_nat {',
      'type nat hook output priority -110; policy accept;',
      'meta skuid 1337 return',
      'ip daddr 127.0.0.0/8 return',
      'ip6 daddr ::1 return',
      'meta l4proto tcp redirect to :15001',
      '}',
      'chain output_filter {',
      'type filter hook output priority 0; policy accept;',
      'meta skuid 1337 return',
      'ip daddr 127.0.0.0/8 return',
      'ip6 daddr ::1 return',
      'meta l4proto tcp ct state invalid drop',
      'udp dport 443 drop',
      'udp dport 853 drop',
      'meta l4proto 132 drop',
      'meta l4proto 33 drop',
      'meta l4proto 136 drop',
      'meta l4proto 115 drop',
      '}',
      '}',
    ]);
  });

  it('for ip6tables', () => {
    expect(bare(renderIptables(makeRules(PLAN), 'IPv6'))).toEqual([
      '*nat',
      ':SIDEKEY - [0:0]',
      '-A SIDEKEY -m owner --uid-owner 1337 -j RETURN',
      '-A SIDEKEY -d ::1/128 -j RETURN',
      '-A SIDEKEY -p tcp -j REDIRECT --to-ports 15001',
      'COMMIT',
      '*filter',
      ':SIDEKEY - [0:0]',
      '-A SIDEKEY -m owner --uid-owner 1337 -j RETURN',
      '-A SIDEKEY -d ::1/128 -j RETURN',
      '-A SIDEKEY -p tcp -m conntrack --ctstate INVALID -j DROP',
      '-A SIDEKEY -p udp --dport 443 -j DROP',
      '-A SIDEKEY -p udp --dport 853 -j DROP',
      '-A SIDEKEY -p 132 -j DROP',
      '-A SIDEKEY -p 33 -j DROP',
      '-A SIDEKEY -p 136 -j DROP',
      '-A SIDEKEY -p 115 -j DROP',
      'COMMIT',
    ]);
  });

  it('drop DNS even on loopback, before it is left alone', () => {
    const lines = bare(renderNft(makeRules({ ...PLAN, dns: { kind: 'drop' } })));
    expect(lines.slice(lines.indexOf('chain output_raw {'), lines.indexOf('chain output_nat {'))).toEqual([
      'chain output_raw {',
      'type filter hook output priority -300; policy accept;',
      'meta skuid 1337 return',
      'meta nfproto ipv4 udp dport 53 drop',
      'meta nfproto ipv4 tcp dport 53 drop',
      'meta nfproto ipv6 udp dport 53 drop',
      'meta nfproto ipv6 tcp dport 53 drop',
      '}',
    ]);
  });

  it('send DNS to the resolver of its family, and drop that of a family without one', () => {
    const rules = makeRules({ ...PLAN, dns: { kind: 'to', resolvers: { IPv4: '10.0.0.53' } }, dropUdp: true });
    const lines = bare(renderNft(rules));
    expect(lines.filter((line) => line.startsWith('meta nfproto'))).toEqual([
      'meta nfproto ipv6 udp dport 53 drop',
      'meta nfproto ipv6 tcp dport 53 drop',
      'meta nfproto ipv4 udp dport 53 dnat ip to 10.0.0.53',
      'meta nfproto ipv4 tcp dport 53 dnat ip to 10.0.0.53',
    ]);
    expect(lines.slice(-8, -5)).toEqual(['udp dport 53 return', 'meta l4proto udp drop', 'meta l4proto 132 drop']);
    expect(bare(renderIptables(rules, 'IPv4'))).toContain(
      '-A SIDEKEY -p udp --dport 53 -j DNAT --to-destination 10.0.0.53',
    );
    expect(bare(renderIptables(rules, 'IPv6')).slice(0, 6)).toEqual([
      '*raw',
      ':SIDEKEY - [0:0]',
      '-A SIDEKEY -m owner --uid-owner 1337 -j RETURN',
      '-A SIDEKEY -p udp --dport 53 -j DROP',
      '-A SIDEKEY -p tcp --dport 53 -j DROP',
      'COMMIT',
    ]);
  });

  it('take no table `raw` where both families have a resolver, and leave no way for UDP where DNS is dropped', () => {
    const resolvers = { IPv4: '10.0.0.53', IPv6: 'fd00::53' };
    const sent = makeRules({ ...PLAN, dns: { kind: 'to', resolvers } });
    expect(new Set(sent.map(({ table }) => table))).toEqual(new Set(['nat', 'filter']));
    expect(bare(renderNft(sent)).filter((line) => line.includes('dnat'))).toEqual([
      'meta nfproto ipv4 udp dport 53 dnat ip to 10.0.0.53',
      'meta nfproto ipv4 tcp dport 53 dnat ip to 10.0.0.53',
      'meta nfproto ipv6 udp dport 53 dnat ip6 to fd00::53',
      'meta nfproto ipv6 tcp dport 53 dnat ip6 to fd00::53',
    ]);
    const dropped = bare(renderNft(makeRules({ ...PLAN, dns: { kind: 'drop' }, dropUdp: true })));
    expect(dropped).toContain('meta l4proto udp drop');
    expect(dropped).not.toContain('udp dport 53 return');
  });

  it('say in each which it is, of which set', () => {
    const rules = makeRules(PLAN);
    const comments = renderNft(rules).match(/comment ".*"/g);
    expect(comments?.[0]).toBe(`comment "sidekey ${fingerprint(rules)} 1/14"`);
    expect(comments?.at(-1)).toBe(`comment "sidekey ${fingerprint(rules)} 14/14"`);
    expect(fingerprint(rules)).toMatch(/^[0-9a-f]{12}$/);
  });

  it('have a fingerprint that follows every option', () => {
    const plans: RedirectPlan[] = [
      PLAN,
      { ...PLAN, port: 15_002 },
      { ...PLAN, exemptUids: [1337, 1] },
      { ...PLAN, dns: { kind: 'drop' } },
      { ...PLAN, dropUdp: true },
    ];
    expect(new Set(plans.map((plan) => fingerprint(makeRules(plan)))).size).toBe(plans.length);
  });
});
