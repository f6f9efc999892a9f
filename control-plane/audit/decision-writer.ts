import { Turns } from '../../common/turns.ts';
import type { ChainedRecord } from '../../proto/gen/sidekey/v1/decision.ts';
import type { SqlStore } from '../store/sql-store.ts';
import type { ChainHead } from './chain.ts';
import { appendDecisions, readHead } from './decision-log.ts';

/** Of the store's ten connections. A tenant's appends wait for each other in the store, each holding one. */
const MAX_APPENDS = 3;

/** Stores records for all proxies, a few batches at a time, so that questions and revocations find a connection. */
export class DecisionWriter {
  readonly #store: SqlStore;
  readonly #turns = new Turns(MAX_APPENDS);

  constructor(store: SqlStore) {
    this.#store = store;
  }

  /** As `appendDecisions`. One at a time from each proxy, or memory has no bound. */
  append(
    tenant: string,
    instanceId: string,
    records: readonly ChainedRecord[],
    missingAfter?: ChainHead,
  ): Promise<number> {
    return this.#turns.run(partiesOf(tenant, instanceId), () =>
      appendDecisions(this.#store, tenant, instanceId, records, missingAfter),
    );
  }

  /** As `readHead`. */
  head(tenant: string, instanceId: string): Promise<ChainHead> {
    return this.#turns.run(partiesOf(tenant, instanceId), () => readHead(this.#store, tenant, instanceId));
  }
}

function partiesOf(tenant: string, instanceId: string): string[] {
  return [`tenant ${tenant}`, `instance ${tenant} ${instanceId}`];
}
