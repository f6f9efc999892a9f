import { describe, expect, it } from 'vitest';
import {
  leavesAlike,
  type PreparedRoute,
  RouteTable,
  UNROUTED,
} from '../../../../../proxy/http/request/route-table.ts';
import { DecisionFact, Route, TlsMode } from '../../../../../proto/gen/sidekey/v1/route.ts';

const route = (serverWorkload: string, host: string): Route =>
  Route.fromPartial({ serverWorkload, hosts: [host], ports: [443] });

describe('RouteTable', () => {
  it('finds the same whatever was found before, and anew once the routes change', () => {
    const table = new RouteTable();
    const found = (host: string, port = 443): string | undefined => table.find(host, port)?.route?.serverWorkload;
    table.replace([route('one', 'a.example'), route('two', 'b.example')]);
    for (let turn = 0; turn < 2; turn += 1) {
      expect([found('a.example'), found('a.example'), found('b.example')]).toEqual(['one', 'one', 'two']);
      expect([found('c.example'), found('a.example', 80)]).toEqual([undefined, undefined]);
    }
    expect(found('a.example')).toBe('one');
    table.replace([route('three', 'a.example')]);
    expect([found('a.example'), found('b.example')]).toEqual(['three', undefined]);
  });

  it('speaks HTTP/2 in cleartext where the server workload says so, and nowhere else', () => {
    const table = new RouteTable();
    table.replace([{ ...route('one', 'a.example'), protocol: 'h2c' }, route('two', 'b.example')]);
    const versions = (scheme: 'http' | 'https', host: string): unknown =>
      table.find(host, 443)?.dialTarget(scheme, host, 443).versions;
    expect([versions('http', 'a.example'), versions('https', 'a.example')]).toEqual([['h2'], ['h2', 'http/1.1']]);
    expect([versions('http', 'b.example'), versions('https', 'b.example')]).toEqual([['http/1.1'], ['h2', 'http/1.1']]);
  });

  it('keeps the ways to one host apart from those of earlier routes', () => {
    const table = new RouteTable();
    const routes = [route('one', 'a.example')];
    const keys = [1, 2].map(() => {
      table.replace(routes);
      return table.find('a.example', 443)?.dialTarget('https', 'a.example', 443).key;
    });
    expect(new Set(keys).size).toBe(2);
  });

  it('keeps the ways to one host apart by scheme and port', () => {
    const table = new RouteTable();
    table.replace([route('one', 'a.example')]);
    const prepared = table.find('a.example', 443);
    const all = [
      prepared?.dialTarget('https', 'a.example', 443),
      prepared?.dialTarget('http', 'a.example', 443),
      prepared?.dialTarget('https', 'a.example', 8443),
      prepared?.dialTarget('https', 'b.example', 443),
    ];
    expect(new Set(all.map((target) => target?.key)).size).toBe(4);
    expect(prepared?.dialTarget('https', 'a.example', 443)).toBe(all[0]);
    expect(prepared?.dialTarget('https', 'a.example', 443)).toBe(all[0]);
    expect(all.map((target) => target?.versions.length)).toEqual([2, 1, 2, 2]);
  });

  it('knows one way from the next when calls go to them by turns', () => {
    const table = new RouteTable();
    table.replace([route('one', 'a.example')]);
    const prepared = table.find('a.example', 443);
    const ways = [
      ['https', 'a.example', 443],
      ['https', 'a.example', 8443],
      ['https', 'b.example', 8443],
      ['http', 'b.example', 8443],
    ] as const;
    for (const [scheme, host, port] of [...ways, ...ways.toReversed()]) {
      expect(prepared?.dialTarget(scheme, host, port)).toMatchObject({ tls: scheme === 'https', host, port });
    }
  });
});

const prepare = (over: Partial<Route>): PreparedRoute => {
  const table = new RouteTable();
  table.replace([{ ...route('one', 'a.example'), ...over }]);
  return table.find('a.example', 443) ?? UNROUTED;
};

describe('a prepared route', () => {
  it('says what its route says', () => {
    const tls = { mode: TlsMode.TLS_MODE_PLAINTEXT, serverName: 'tls.example', caPem: 'PEM' };
    const plain = prepare({ tls, decisionFacts: [DecisionFact.DECISION_FACT_QUERY], credentialHeaders: ['X-Key'] });
    expect(plain).toMatchObject({ plaintextAllowed: true, readsQuery: true, readsHeaders: false });
    expect([...plain.sensitive]).toEqual(['x-key']);
    expect(plain.dialTarget('https', 'a.example', 443)).toMatchObject({ serverName: 'tls.example', caPem: 'PEM' });
    const strict = prepare({ decisionFacts: [DecisionFact.DECISION_FACT_HEADERS] });
    expect(strict).toMatchObject({ plaintextAllowed: false, readsQuery: false, readsHeaders: true });
  });

  it('lets nothing more than the defaults where there is no route', () => {
    expect(UNROUTED).toMatchObject({ plaintextAllowed: false, readsQuery: false, readsHeaders: false });
    const target = UNROUTED.dialTarget('https', 'a.example', 443);
    expect(target).toMatchObject({ serverName: undefined, caPem: '', allowedAddresses: [] });
  });

  it('leaves as another does that differs in nothing but what is matched and asked before', () => {
    const one = prepare({});
    expect(leavesAlike(one, prepare({ ports: [443, 8443], inspectLimitBytes: 9 }))).toBe(true);
    expect(leavesAlike(one, prepare({ maskedAnswerFields: ['secret'] }))).toBe(false);
    expect(leavesAlike(one, prepare({ credentialHeaders: ['x-key'] }))).toBe(false);
    expect(leavesAlike(one, UNROUTED)).toBe(false);
    expect(leavesAlike(UNROUTED, UNROUTED)).toBe(true);
  });
});
