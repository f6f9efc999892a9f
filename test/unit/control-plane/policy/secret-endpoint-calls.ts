import type { SecretEndpointName } from '../../../../control-plane/policy/rule-pack/names.ts';
import { CLOUD_CALLS } from './cloud-secret-calls.ts';
import { SERVICE_CALLS } from './service-secret-calls.ts';

/**
 * Calls that the API references of the providers document as making or showing secrets: method and host, then paths;
 * `?Name` is an `Action` of AWS, `!Name` an `X-Amz-Target`.
 */
export const DOCUMENTED_CALLS = { ...CLOUD_CALLS, ...SERVICE_CALLS } as const satisfies Record<
  SecretEndpointName,
  readonly (readonly [where: string, ...calls: string[]])[]
>;
