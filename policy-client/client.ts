import type { PolicyClient, PolicyClientOptions } from './types.ts';

/** A client that is not connected yet; call `start()`. */
export function createPolicyClient(_options: PolicyClientOptions): PolicyClient {
  throw new Error('not built yet');
}
