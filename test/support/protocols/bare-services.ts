import { ByteBudget } from '../../../common/byte-budget.ts';
import { Roster } from '../../../common/roster.ts';
import { RouteTable } from '../../../proxy/http/request/route-table.ts';
import type { LiveExchange, ProxyServices } from '../../../proxy/http/services.ts';
import { DEFAULT_LIMITS } from '../../../proxy/limits.ts';

/** What an agent's connection needs where no route is known and time stands still; `own` goes before. */
export function bareServices(own: object = {}): ProxyServices {
  return {
    limits: DEFAULT_LIMITS,
    clock: { now: () => 0 },
    monotonicMs: () => 0,
    state: { draining: false, ready: true },
    live: new Roster<LiveExchange>(),
    held: new ByteBudget(1_000_000),
    via: 'test',
    unrouted: 'deny',
    routes: new RouteTable(),
    client: { hasRoomBeside: () => true, session: () => undefined },
    ended: () => {},
    ...own,
  } as unknown as ProxyServices;
}
