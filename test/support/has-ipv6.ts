import { networkInterfaces } from 'node:os';

/** Whether this machine has an IPv6 loopback. */
export const HAS_IPV6 = Object.values(networkInterfaces()).some((found) =>
  found?.some(({ address }) => address === '::1'),
);
