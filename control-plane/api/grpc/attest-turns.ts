import { formatIpAddress, readIpAddress, unmapped } from '../../../common/net/ip-address.ts';
import { Turns } from '../../../common/turns.ts';
import { Refusal } from './refusal.ts';

export interface AttestTurnsLimits {
  readonly maxAtOnce: number;
  readonly maxWaiting: number;
  readonly maxHoldMs: number;
}

/** As much of a gRPC call as its turn needs. */
export interface AttestCall {
  readonly cancelled: boolean;
  /** ADDRESS:PORT */
  getPeer(): string;
}

const LIMITS: AttestTurnsLimits = {
  // Those at work share one thread and one database: the more there are, the later the first of them is done.
  maxAtOnce: 16,
  // Fewer than can be served within the ten seconds that a proxy waits, on a slow machine too.
  maxWaiting: 128,
  // What waits for longer waits for the network: an issuer that does not answer must not keep the others out.
  maxHoldMs: 2_000,
};

/**
 * Attestations few at a time. Were all worked on together, each would take as long as all: when a thousand proxies start at once,
 * none is answered before it has given up and asks again. Turns and places in the room are shared among the tenants that are asked
 * for, and among the networks that ask: a caller that has proven nothing yet may name any tenant.
 */
export class AttestTurns {
  readonly #maxHoldMs: number;
  readonly #turns: Turns;

  constructor({ maxAtOnce, maxHoldMs, maxWaiting }: AttestTurnsLimits = LIMITS) {
    this.#maxHoldMs = maxHoldMs;
    const refusal = () => new Refusal('overloaded', 'too many proxies attest at once');
    this.#turns = new Turns(maxAtOnce, { maxWaiting, refusal });
  }

  /**
   * Runs the task in its turn; not at all for a caller that has gone by then. Throws Refusal `overloaded`, and what the task
   * throws.
   */
  async run<T>(tenant: string, call: AttestCall, task: () => Promise<T>): Promise<T> {
    const parties = [`tenant ${tenant}`, `network ${networkOf(call.getPeer())}`];
    const { done } = await this.#turns.run(parties, async () => {
      if (call.cancelled) throw new Refusal('overloaded', 'the proxy has given up');
      const running = task();
      await this.#held(running);
      // In an object, or it would be waited for within the turn.
      return { done: running };
    });
    return done;
  }

  /** Until the task is done, or has held its turn for long enough. */
  #held(done: Promise<unknown>): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, this.#maxHoldMs);
      const end = (): void => {
        clearTimeout(timer);
        resolve();
      };
      done.then(end, end);
    });
  }
}

/**
 * An IPv4 address, or the first 64 bits of an IPv6 address: the rest is for whoever has the network to choose (RFC 4291
 * section 2.5.1). What is no address, as with a zone, stands as it is.
 */
function networkOf(peer: string): string {
  const address = peer.slice(0, Math.max(peer.lastIndexOf(':'), 0));
  const bytes = readIpAddress(address);
  if (bytes === undefined) return address;
  const plain = unmapped(bytes);
  return plain.length === 16 ? Buffer.from(plain.subarray(0, 8)).toString('hex') : formatIpAddress(plain);
}
