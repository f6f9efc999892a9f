import type { Clock } from '../../common/clock.ts';
import { type CertificateAuthority, createLocalAuthority } from './certificate-authority.ts';

/** Clocks of agents may run ahead of ours. */
const HAND_OVER_MS = 3_600_000;

/**
 * A local authority that outlives its certificates. At half of its life the next root is made and shown beside the present
 * one; only shortly before the present one ends does the next begin to sign. So whoever reads the roots once is served for
 * at least half a life, and whoever reads them again, for ever.
 */
export function createRenewingAuthority(clock: Clock): CertificateAuthority {
  let present = createLocalAuthority(clock);
  let bornAt = clock.now();
  let next: CertificateAuthority | undefined;

  function renew(): void {
    const now = clock.now();
    if (next === undefined && now >= bornAt + (present.notAfter - bornAt) / 2) next = createLocalAuthority(clock);
    if (next === undefined || now < present.notAfter - HAND_OVER_MS) return;
    // A process that stood still may be past both.
    present = next.notAfter > now + HAND_OVER_MS ? next : createLocalAuthority(clock);
    bornAt = now;
    next = undefined;
  }

  return {
    get rootPem() {
      renew();
      return next === undefined ? present.rootPem : present.rootPem + next.rootPem;
    },
    get notAfter() {
      return present.notAfter;
    },
    permits: (host) => present.permits(host),
    secureContextFor(host) {
      renew();
      return present.secureContextFor(host);
    },
  };
}
