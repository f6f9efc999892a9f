import type { Clock } from '../../common/clock.ts';
import type { LiveExchange } from '../http/services.ts';
import type { AgentSessions } from './agent/agent-sessions.ts';
import type { UpstreamPool } from './upstream/upstream-pool.ts';

const SWEEP_MS = 500;

/**
 * Enforces every deadline from one timer: a timer a request would cost more than the request's parsing. Deadlines are
 * therefore late by up to half a second.
 */
export function startSweeper(
  clock: Clock,
  sessions: AgentSessions,
  live: Iterable<LiveExchange>,
  pool: UpstreamPool,
): { stop(): void } {
  let last = clock.now();
  const timer = setInterval(() => {
    const now = clock.now();
    // By a clock that was set back, leases would end as much later.
    const isSetBack = now < last;
    last = now;
    sessions.sweep(now);
    for (const exchange of live) {
      if (exchange.deadlineAt <= now) exchange.expire();
      else if (isSetBack || exchange.standing.leaseEndsAt <= now) exchange.reauthorize();
    }
    pool.sweep(now);
  }, SWEEP_MS);
  timer.unref();
  return { stop: () => clearInterval(timer) };
}
