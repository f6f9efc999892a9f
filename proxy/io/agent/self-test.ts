import { isIPv6, connect } from 'node:net';
import type { Logger } from 'pino';
import { FAMILIES, type Family, PROBE_ADDRESSES, PROBE_PORT, UNROUTED_ERRORS } from '../../../common/net/probe.ts';
import type { Authority } from '../../../common/net/host.ts';

type FamilyState =
  /** Our own connection is still under way. */
  | 'trying'
  /** This machine cannot send anything that way. */
  | 'unrouted'
  /** Ours left the machine: one of somebody else's must be seen here. */
  | 'awaited';

const OWN_PROBE_MS = 2_000;

/**
 * Proves redirection before the proxy calls itself ready: a connection of another user has arrived here, over every family that
 * has a route, and none of our own. Any connection of an agent is such a proof; `sidekey redirect check` makes one.
 */
export class SelfTest {
  readonly #ownUid: number;
  readonly #log: Logger;
  readonly #dial: (family: Family) => Promise<boolean>;
  readonly #states = new Map<Family, FamilyState>(FAMILIES.map((family) => [family, 'trying']));
  /** Over which somebody else's has been seen. */
  readonly #caught = new Set<Family>();
  #isLooped = false;

  /** @param dial sends one connection to the probe address; false when this machine has no route for the family */
  constructor(ownUid: number, log: Logger, dial: (family: Family) => Promise<boolean> = dialProbe) {
    this.#ownUid = ownUid;
    this.#log = log;
    this.#dial = dial;
  }

  /** Sees every redirected connection. It is to be served afterwards: of one that was answered and closed nobody knows the user. */
  readonly watch = (original: Authority, askUid: () => Promise<number | undefined>): Promise<void> | undefined => {
    const family: Family = isIPv6(original.host) ? 'IPv6' : 'IPv4';
    // Once everything is proven only the probe address can tell anything new.
    if (this.unproven() === undefined && original.host !== PROBE_ADDRESSES[family]) return undefined;
    return askUid().then((uid) => this.#saw(family, uid));
  };

  /** Sends what must not come back. */
  start(): void {
    for (const family of FAMILIES) {
      this.#dial(family).then(
        (hasRoute) => this.#states.set(family, hasRoute ? 'awaited' : 'unrouted'),
        () => undefined,
      );
    }
  }

  /** What is still to be proven, or known to be wrong; undefined when everything is proven. */
  unproven(): string | undefined {
    if (this.#isLooped) return "the proxy's own connections are redirected to itself: is its uid exempt?";
    if (FAMILIES.some((family) => this.#states.get(family) === 'trying')) return 'trying a connection of its own';
    const awaited = FAMILIES.filter((family) => this.#states.get(family) === 'awaited' && !this.#caught.has(family));
    if (awaited.length > 0) return `no connection of another user over ${awaited.join(' and ')} was redirected yet`;
    return this.#caught.size === 0 ? 'this machine has no route at all' : undefined;
  }

  #saw(family: Family, uid: number | undefined): void {
    if (uid === undefined) return;
    if (uid === this.#ownUid) {
      if (!this.#isLooped)
        this.#log.error({ family }, "self-test: the proxy's own connections are redirected to itself");
      this.#isLooped = true;
      return;
    }
    this.#caught.add(family);
    if (this.unproven() === undefined) this.#log.info({ family, uid }, 'self-test passed');
  }
}

function dialProbe(family: Family): Promise<boolean> {
  return new Promise((resolve) => {
    let hasRoute = true;
    const socket = connect({ host: PROBE_ADDRESSES[family], port: PROBE_PORT });
    socket.setTimeout(OWN_PROBE_MS, () => socket.destroy());
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (UNROUTED_ERRORS.has(error.code ?? '')) hasRoute = false;
    });
    socket.on('close', () => resolve(hasRoute));
    socket.unref();
  });
}
