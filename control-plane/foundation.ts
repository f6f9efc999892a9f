import { join } from 'node:path';
import type { Clock } from '../common/clock.ts';
import { sealLogs } from './audit/seal-log.ts';
import { SessionRecords } from './attestation/session-records.ts';
import { type ControlPlaneConfig, storeFolderOf } from './config.ts';
import { type KeyRings, openKeyRings } from './key-rings.ts';
import type { ControlPlaneMetrics } from './metrics/control-plane-metrics.ts';
import { meterStore } from './metrics/metered.ts';
import { createHttpsFetcher, type OutboundFetcher } from './outbound/https-fetcher.ts';
import { checkResource } from './policy/check-resource.ts';
import { PolicySource } from './policy/policy-source.ts';
import { ResourceError } from './resources/resource-error.ts';
import { loadPolicySet } from './resources/resource-rows.ts';
import { ResourceStore } from './resources/resource-store.ts';
import { Sealer, type SealingKeys } from './store/sealing.ts';
import { loadSealingKeys, parseSealingKeys } from './store/sealing-keys.ts';
import { openStore } from './store/open-store.ts';
import type { SqlStore } from './store/sql-store.ts';
import { pruneUsedProofs } from './store/used-proofs.ts';

/** What both APIs stand on. */
export interface Foundation {
  readonly clock: Clock;
  readonly onError: (error: unknown) => void;
  readonly metrics: ControlPlaneMetrics;
  readonly store: SqlStore;
  readonly sealer: Sealer;
  /** File of sealing keys; undefined when they come from the environment. */
  readonly sealingKeyFile: string | undefined;
  readonly keys: KeyRings;
  readonly fetcher: OutboundFetcher;
  readonly policies: PolicySource;
  readonly resources: ResourceStore;
  readonly records: SessionRecords;
}

/** Things to close, the last opened first. */
export class Closers {
  readonly #closers: (() => Promise<void> | void)[] = [];

  add(close: () => Promise<void> | void): void {
    this.#closers.push(close);
  }

  /** Closes everything, whatever fails; failures go to `onError`. */
  async close(onError: (error: unknown) => void): Promise<void> {
    for (let close = this.#closers.pop(); close; close = this.#closers.pop()) {
      try {
        await close();
      } catch (error) {
        onError(error);
      }
    }
  }
}

const PRUNE_MS = 3_600_000;
const PRUNE_PROOFS_MS = 60_000;
/** What was stored since the last checkpoint is what a rewriter of the database could still change unseen. */
const SEAL_MS = 30_000;

/** Opens the store and what keeps it in memory. */
export async function openFoundation(
  config: ControlPlaneConfig,
  clock: Clock,
  closers: Closers,
  onError: (error: unknown) => void,
  metrics: ControlPlaneMetrics,
): Promise<Foundation> {
  const sealer = new Sealer(await readSealingKeys(config));
  const opened = await openStore({
    url: config.databaseUrl,
    dataDir: storeFolderOf(config),
    onError,
  });
  const store = meterStore(opened, metrics);
  closers.add(() => store.close());
  const keys = await openKeyRings(store, sealer, clock, onError);
  closers.add(() => keys.close());
  const fetcher = createHttpsFetcher();
  closers.add(() => fetcher.close());
  const policies = await PolicySource.open({ store, onError, load: loadKnownTenant });
  closers.add(() => policies.close());
  const records = new SessionRecords(store);
  closers.add(await records.follow());
  every(PRUNE_MS, () => records.prune(clock.now()), closers, onError);
  every(SEAL_MS, () => sealLogs({ store, keys: keys.checkpoint, clock }), closers, onError);
  every(PRUNE_PROOFS_MS, () => pruneUsedProofs(store, clock.now()), closers, onError);
  const resources = new ResourceStore(store, sealer, checkResource);
  const sealingKeyFile = sealingKeyFileOf(config);
  return { clock, onError, metrics, store, sealer, sealingKeyFile, keys, fetcher, policies, resources, records };
}

/** Runs until closed; a run that fails is told and the next one comes all the same. Runs never overlap. */
function every(ms: number, run: () => Promise<void>, closers: Closers, onError: (error: unknown) => void): void {
  let running: Promise<void> | undefined;
  const timer = setInterval(() => {
    running ??= run()
      .catch(onError)
      .finally(() => {
        running = undefined;
      });
  }, ms);
  timer.unref();
  closers.add(async () => {
    clearInterval(timer);
    await running;
  });
}

function sealingKeyFileOf(config: ControlPlaneConfig): string | undefined {
  return config.sealingKeys ? undefined : (config.sealingKeyFile ?? join(config.dataDir, 'sealing-key'));
}

async function readSealingKeys(config: ControlPlaneConfig): Promise<SealingKeys> {
  if (config.sealingKeys) return parseSealingKeys(config.sealingKeys.reveal(), 'SIDEKEY_SEALING_KEYS');
  if (config.sealingKeyFile !== undefined) return loadSealingKeys(config.sealingKeyFile);
  return loadSealingKeys(join(config.dataDir, 'sealing-key'), { create: true });
}

const loadKnownTenant: Parameters<typeof PolicySource.open>[0]['load'] = async (tx, tenant) => {
  try {
    return await loadPolicySet(tx, tenant);
  } catch (error) {
    if (error instanceof ResourceError && error.code === 'tenant-unknown') return undefined;
    throw error;
  }
};
