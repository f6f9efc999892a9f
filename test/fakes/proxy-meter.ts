import type { ProxyMeter } from '../../control-plane/api/grpc/proxy-meter.ts';

/** Counts nothing. */
export const IDLE_METER: ProxyMeter = {
  attested: () => undefined,
  answered: () => undefined,
  recordsStored: () => undefined,
  revocationTold: () => undefined,
};
