import type { Cell, FastCounter } from '../../common/metrics/fast-counter.ts';
import type { FastHistogram } from '../../common/metrics/fast-histogram.ts';
import { MetricSet } from '../../common/metrics/metric-set.ts';
import type { Reason } from '../../proto/reasons.ts';
import type { ProxyMeter } from '../api/grpc/proxy-meter.ts';
import type { CredentialSpec } from '../credentials/credential-minter.ts';
import type { RevocationTargetName } from '../policy/facts.ts';
import type { ConnectionUse } from '../store/sql-store.ts';

/** What is counted where it is held, when somebody asks. */
export interface HeldCounts {
  watches(): number;
  authorizeStreams(): number;
  recordStreams(): number;
  sessions(): number;
  tenants(): number;
  connections(): ConnectionUse;
  /** When the certificate that is presented ends, in milliseconds since the Unix epoch. */
  certificateEnd(): number;
  faultyFiles(): number;
}

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const LAG_SECONDS = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3_600];
const PREFIX = 'sidekey_control_plane_';

/**
 * The control plane's metrics, of this replica. Labels are closed lists (reasons, types, targets): no tenant, workload, host or user is
 * in them, so that whoever scrapes learns nothing of a tenant.
 */
export class ControlPlaneMetrics extends MetricSet implements ProxyMeter {
  readonly #attestations = this.#count<'reason'>(
    'attestations_total',
    'Attestations of proxies by reason; `ok` made a session.',
  );
  readonly #questions = this.#count<'reason'>(
    'authorizations_total',
    'Questions of proxies by reason; `ok` was granted.',
  );
  readonly #answerSeconds = this.#time(
    'authorization_seconds',
    'Time to answer a question, making the credential included.',
  );
  readonly #credentials = this.#count<'type' | 'outcome'>(
    'credentials_total',
    'Credentials by type of their provider and outcome (`made`, `failed`); one that is held counts as made each time.',
  );
  readonly #tokenRequests = this.#count<'outcome'>(
    'token_requests_total',
    'Requests to token endpoints by outcome: `answered` with status 200, `refused` with another, `failed` without an answer.',
  );
  readonly #tokenSeconds = this.#time('token_request_seconds', 'Time that token endpoints took.');
  readonly #records = this.#count('records_total', 'Decision records stored, those that came twice included.');
  readonly #recordLag = this.#time(
    'record_lag_seconds',
    'Age of the oldest record of a batch when it was stored, by the clocks of both sides.',
    LAG_SECONDS,
  );
  readonly #revocations = this.#count<'target'>(
    'revocations_total',
    'Revocations that this replica heard of for tenants whose proxies it serves, by target.',
  );
  readonly #told = this.#time(
    'revocation_push_seconds',
    'Time from hearing of a revocation to writing it to a proxy; each proxy counts.',
  );
  readonly #storeSeconds = this.#time(
    'store_transaction_seconds',
    'Time of a transaction, waiting for a connection included.',
  );
  readonly #storeErrors = this.#count<'kind'>(
    'store_errors_total',
    'Transactions that failed: `unavailable` when the database did not answer or had no room, `failed` else.',
  );
  readonly #errors = this.#count('errors_total', 'Errors that nobody foresaw; the log has them.');

  constructor() {
    super({ ofProcess: true });
    this.buildInfo();
  }

  /** To be called once: what is held is counted from now on. */
  follow(held: HeldCounts): void {
    this.#hold('proxies', 'Watches that proxies hold open here: one a connected proxy.', held.watches);
    this.#hold('authorize_streams', 'Streams of questions that are open.', held.authorizeStreams);
    this.#hold('record_streams', 'Streams of decision records that are open.', held.recordStreams);
    this.#hold('sessions', 'Sessions held in memory by this replica.', held.sessions);
    this.#hold('tenants', 'Tenants whose policy is held in memory by this replica.', held.tenants);
    this.#hold('store_connections', 'Connections to the database that are open.', () => held.connections().open);
    this.#hold('store_connections_idle', 'Of these, unused ones.', () => held.connections().idle);
    this.#hold(
      'store_waiting',
      'Transactions that wait for a connection, or for others of their tenant.',
      () => held.connections().waiting,
    );
    this.#hold(
      'certificate_end_timestamp_seconds',
      'When the certificate that proxies and people are shown ends, in seconds since the Unix epoch.',
      () => held.certificateEnd() / 1_000,
    );
    this.#hold(
      'files_faulty',
      'What was changed to what cannot be used: the files of `--tls-*` (one), `--admin-oidc-ca-file`.',
      held.faultyFiles,
    );
  }

  attested(reason: Reason): void {
    this.#attestations.add({ reason });
  }

  answered(reason: Reason, ms: number): void {
    this.#questions.add({ reason });
    this.#answerSeconds.observe(ms / 1_000);
  }

  recordsStored(count: number, lagMs: number): void {
    this.#records.add({}, count);
    this.#recordLag.observe(Math.max(lagMs, 0) / 1_000);
  }

  revocationTold(ms: number): void {
    this.#told.observe(ms / 1_000);
  }

  revoked(target: RevocationTargetName): void {
    this.#revocations.add({ target });
  }

  minted(type: CredentialSpec['type'], outcome: 'made' | 'failed'): void {
    this.#credentials.add({ type, outcome });
  }

  tokenRequested(outcome: 'answered' | 'refused' | 'failed', ms: number): void {
    this.#tokenRequests.add({ outcome });
    this.#tokenSeconds.observe(ms / 1_000);
  }

  transactionEnded(ms: number): void {
    this.#storeSeconds.observe(ms / 1_000);
  }

  transactionFailed(kind: 'unavailable' | 'failed'): void {
    this.#storeErrors.add({ kind });
  }

  failed(): void {
    this.#errors.add({});
  }

  #count<Label extends string = never>(name: string, help: string): Counted<Label> {
    return new Counted(this.counter(PREFIX + name, help));
  }

  #time(name: string, help: string, bounds: readonly number[] = SECONDS): FastHistogram {
    return this.histogram(PREFIX + name, help, bounds);
  }

  #hold(name: string, help: string, read: () => number): void {
    this.gauge(PREFIX + name, help, read);
  }
}

/** A counter whose labels have values of closed lists. */
class Counted<Label extends string> {
  readonly #counter: FastCounter;
  readonly #cells = new Map<string, Cell>();

  constructor(counter: FastCounter) {
    this.#counter = counter;
  }

  add(labels: Readonly<Record<Label, string>>, count = 1): void {
    const key = Object.values(labels).join(' ');
    let cell = this.#cells.get(key);
    if (cell === undefined) {
      cell = this.#counter.cell(labels);
      this.#cells.set(key, cell);
    }
    cell.value += count;
  }
}
