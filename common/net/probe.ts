/**
 * Where the self-test of redirection dials: addresses for documentation (RFC 5737, RFC 3849), at which nothing answers, so
 * that whoever gets a connection there was redirected.
 */
export const PROBE_ADDRESSES = { IPv4: '192.0.2.1', IPv6: '2001:db8::1' } as const;
export const PROBE_PORT = 80;

export type Family = keyof typeof PROBE_ADDRESSES;
export const FAMILIES: readonly Family[] = ['IPv4', 'IPv6'];

/** What `connect` fails with at once where the family has no route: nothing can leave that way. */
export const UNROUTED_ERRORS: ReadonlySet<string> = new Set([
  'ENETUNREACH',
  'EADDRNOTAVAIL',
  'EAFNOSUPPORT',
  'EHOSTUNREACH',
]);
