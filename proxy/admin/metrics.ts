import type { Cell, FastCounter } from '../../common/metrics/fast-counter.ts';
import type { FastHistogram } from '../../common/metrics/fast-histogram.ts';
import { MetricSet } from '../../common/metrics/metric-set.ts';
import type { Outcome } from '../../proto/gen/sidekey/v1/decision.ts';
import type { Reason } from '../../proto/reasons.ts';
import type { PolicyClient } from '../../policy-client/index.ts';
import type { Call } from '../http/call.ts';

const SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const OUTCOMES = { 0: 'unknown', 1: 'allowed', 2: 'denied', 3: 'failed' } as const;

interface Sources {
  readonly client: PolicyClient;
  faultyTrustFiles(): number;
  agentConnections(): number;
  upstreamConnections(): number;
  liveCalls(): number;
  openFiles(): number;
  maxOpenFiles(): number;
}

/** The proxy's metrics. Labels are reasons and outcomes only: no host, no path, nothing an agent can make unbounded. */
export class ProxyMetrics extends MetricSet {
  readonly #decisions: FastCounter;
  readonly #added: FastHistogram;
  readonly #upstream: FastHistogram;
  readonly #cacheHits: Cell;
  readonly #scrubbed: Cell;
  readonly #removed: Cell;
  readonly #turnedAway: Cell;
  /** By outcome, then by reason. */
  readonly #cells = new Map<Outcome, Map<Reason, Cell>>();

  constructor(sources: Sources) {
    super();
    this.buildInfo();
    this.#decisions = this.counter(
      'sidekey_decisions_total',
      'Decisions by outcome and reason; every request ends in one.',
    );
    this.#added = this.histogram(
      'sidekey_added_latency_seconds',
      'Time that the proxy itself added before the request went upstream.',
      SECONDS,
    );
    this.#upstream = this.histogram(
      'sidekey_upstream_latency_seconds',
      'Time from sending the request to the head of the answer, connecting included.',
      SECONDS,
    );
    this.#cacheHits = this.counter('sidekey_decision_cache_hits_total', 'Calls decided from the grant cache.').cell();
    this.#scrubbed = this.counter('sidekey_scrubbed_total', 'Injected values found in answers and replaced.').cell();
    this.#removed = this.counter(
      'sidekey_agent_credentials_removed_total',
      'Credentials that agents sent and the proxy removed.',
    ).cell();
    this.#turnedAway = this.counter(
      'sidekey_agent_connections_closed_total',
      'Connections from agents beyond `maxConnections`, closed on arrival: no decision tells of them.',
    ).cell();
    this.gauge('sidekey_agent_connections', 'Open connections from agents.', sources.agentConnections);
    this.gauge('sidekey_upstream_connections', 'Open connections to upstreams.', sources.upstreamConnections);
    this.gauge('sidekey_live_calls', 'Calls in flight.', sources.liveCalls);
    this.gauge('process_open_fds', 'Open files, connections among them.', sources.openFiles);
    this.gauge('process_max_fds', 'How many may be open at once (`ulimit -n`).', sources.maxOpenFiles);
    this.gauge('sidekey_control_plane_connected', '1 while the control plane answers.', () =>
      sources.client.connected ? 1 : 0,
    );
    this.gauge(
      'sidekey_trust_files_faulty',
      'Files of authorities (`--control-plane-ca`, `--upstream-ca`) that were changed to what cannot be used.',
      sources.faultyTrustFiles,
    );
    this.gauge(
      'sidekey_policy_version',
      'Version of the policy snapshot held.',
      () => sources.client.stats().policyVersion,
    );
    this.gauge(
      'sidekey_records_queued',
      'Decision records not yet acknowledged.',
      () => sources.client.stats().recordsQueued,
    );
    this.gauge(
      'sidekey_spool_errors',
      'Times that the disk of `--spool-dir` refused what was asked of it.',
      () => sources.client.stats().spoolErrors,
    );
    this.gauge(
      'sidekey_records_lost',
      'Decision records lost for want of memory and disk.',
      () => sources.client.stats().recordsLost,
    );
    this.gauge(
      'sidekey_record_refusals',
      'Times that the control plane refused records that do not continue the chain it has.',
      () => sources.client.stats().recordRefusals,
    );
    this.gauge(
      'sidekey_record_gaps',
      'Gaps that the control plane has in the log for having lost decision records which it had acknowledged.',
      () => sources.client.stats().recordGaps,
    );
  }

  callEnded(call: Call, outcome: Outcome, reason: Reason): void {
    this.#cell(outcome, reason).value += 1;
    if (call.fromCache) this.#cacheHits.value += 1;
    this.#scrubbed.value += call.scrubbed;
    this.#removed.value += call.removedCredentials.length;
    if (call.upstreamStartedAt === 0) return;
    this.#added.observe((call.upstreamStartedAt - call.startedAt) / 1000);
    if (call.upstreamAnsweredAt > 0) this.#upstream.observe((call.upstreamAnsweredAt - call.upstreamStartedAt) / 1000);
  }

  turnedAway(): void {
    this.#turnedAway.value += 1;
  }

  #cell(outcome: Outcome, reason: Reason): Cell {
    let byReason = this.#cells.get(outcome);
    if (byReason === undefined) {
      byReason = new Map();
      this.#cells.set(outcome, byReason);
    }
    let cell = byReason.get(reason);
    if (cell === undefined) {
      cell = this.#decisions.cell({ outcome: OUTCOMES[outcome as keyof typeof OUTCOMES] ?? 'unknown', reason });
      byReason.set(reason, cell);
    }
    return cell;
  }
}
