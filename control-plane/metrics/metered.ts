import { SidekeyError } from '../../common/errors.ts';
import type { CredentialMinter } from '../credentials/credential-minter.ts';
import type { OutboundFetcher } from '../outbound/https-fetcher.ts';
import { type SqlStore, StoreUnavailable } from '../store/sql-store.ts';
import type { ControlPlaneMetrics } from './control-plane-metrics.ts';

/** The same store, its transactions timed and their failures counted. A refusal of ours that ends one is none. */
export function meterStore(
  store: SqlStore,
  meter: Pick<ControlPlaneMetrics, 'transactionEnded' | 'transactionFailed'>,
): SqlStore {
  const timed = async <T>(run: () => Promise<T>): Promise<T> => {
    const from = performance.now();
    try {
      return await run();
    } catch (error) {
      if (error instanceof StoreUnavailable) meter.transactionFailed('unavailable');
      else if (!(error instanceof SidekeyError)) meter.transactionFailed('failed');
      throw error;
    } finally {
      meter.transactionEnded(performance.now() - from);
    }
  };
  return {
    engine: store.engine,
    transaction: (tenant, run) => timed(() => store.transaction(tenant, run)),
    system: (run) => timed(() => store.system(run)),
    listen: (channel, handler, onGap) => store.listen(channel, handler, onGap),
    connections: () => store.connections(),
    close: () => store.close(),
  };
}

/** The same minter, its credentials counted. */
export function meterMinter(minter: CredentialMinter, meter: Pick<ControlPlaneMetrics, 'minted'>): CredentialMinter {
  return {
    async mint(spec, context) {
      let outcome: 'made' | 'failed' = 'failed';
      try {
        const minted = await minter.mint(spec, context);
        outcome = 'made';
        return minted;
      } finally {
        meter.minted(spec.type, outcome);
      }
    },
    forget: (tenant, credential) => minter.forget(tenant, credential),
  };
}

/** The same fetcher, for requests to token endpoints. */
export function meterTokenRequests(
  fetcher: OutboundFetcher,
  meter: Pick<ControlPlaneMetrics, 'tokenRequested'>,
): OutboundFetcher {
  return {
    async fetch(request) {
      const from = performance.now();
      let outcome: 'answered' | 'refused' | 'failed' = 'failed';
      try {
        const answer = await fetcher.fetch(request);
        outcome = answer.status === 200 ? 'answered' : 'refused';
        return answer;
      } finally {
        meter.tokenRequested(outcome, performance.now() - from);
      }
    },
    close: () => fetcher.close(),
  };
}
