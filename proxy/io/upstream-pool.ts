import { BoundedCache } from '../../common/bounded-cache.ts';
import type { Clock } from '../../common/clock.ts';
import { Refusal } from '../http/refusal.ts';
import type { ProxyLimits } from '../limits.ts';
import { dial, type Dialled, type DialTarget, type ReadSink, type Resolver, type TrustedContexts } from './dial.ts';
import { UpstreamConnection } from './upstream-connection.ts';

interface Destination {
  readonly idle: UpstreamConnection[];
  readonly all: Set<UpstreamConnection>;
  opening: number;
}

/** Connections by destination, each to an address that was checked when it was dialled. */
export class UpstreamPool {
  readonly #destinations = new Map<string, Destination>();
  readonly #sessions = new BoundedCache<string, Buffer>(1024);
  readonly #resolver: Resolver;
  readonly #contexts: TrustedContexts;
  readonly #limits: ProxyLimits;
  readonly #clock: Clock;
  /** Bare connections by destination. */
  readonly #raw = new Map<string, number>();
  #routesSince = 0;

  constructor(resolver: Resolver, contexts: TrustedContexts, limits: ProxyLimits, clock: Clock) {
    this.#resolver = resolver;
    this.#contexts = contexts;
    this.#limits = limits;
    this.#clock = clock;
  }

  /** A kept connection to this destination, or undefined. */
  take(key: string): UpstreamConnection | undefined {
    const destination = this.#destinations.get(key);
    if (destination === undefined) return undefined;
    for (let kept = destination.idle.pop(); kept !== undefined; kept = destination.idle.pop()) {
      if (kept.usable && this.#clock.now() - kept.openedAt < this.#limits.upstreamMaxAgeMs) return kept;
      kept.destroy();
    }
    return undefined;
  }

  /** Resolves, checks every address, dials a checked one and verifies its certificate. @throws Refusal */
  async open(target: DialTarget): Promise<UpstreamConnection> {
    const destination = this.#destination(target.key);
    if (destination.all.size + destination.opening >= this.#limits.maxConnectionsPerHost) {
      throw new Refusal('overloaded', 'too many connections to this host are open');
    }
    destination.opening += 1;
    const routesSince = this.#routesSince;
    try {
      const addresses = await this.#resolver.resolve(target.host, target.port, target.allowedAddresses);
      const tlsWith = target.tls ? { context: this.#contexts.for(target.caPem), sessions: this.#sessions } : undefined;
      const sink: ReadSink = { take: () => {} };
      const { socket, address } = await dial(target, addresses, tlsWith, this.#limits, sink);
      const at = { key: target.key, address, now: this.#clock.now(), routesSince };
      const connection = new UpstreamConnection(socket, at, this.#limits, {
        released: (ended) => this.#keep(ended),
        closed: (gone) => this.#forget(gone),
      });
      sink.take = (bytes) => connection.receive(bytes);
      destination.all.add(connection);
      return connection;
    } finally {
      destination.opening -= 1;
      this.#forgetDestination(target.key, destination);
    }
  }

  /** A bare connection to a checked address, for a relay that reads nothing. @throws Refusal */
  async openRaw(target: DialTarget): Promise<Dialled> {
    const open = this.#raw.get(target.key) ?? 0;
    if (open >= this.#limits.maxConnectionsPerHost) {
      throw new Refusal('overloaded', 'too many connections to this host are open');
    }
    this.#raw.set(target.key, open + 1);
    const release = (): void => {
      const left = (this.#raw.get(target.key) ?? 1) - 1;
      if (left > 0) this.#raw.set(target.key, left);
      else this.#raw.delete(target.key);
    };
    try {
      const addresses = await this.#resolver.resolve(target.host, target.port, target.allowedAddresses);
      const dialled = await dial(target, addresses, undefined, this.#limits);
      dialled.socket.once('close', release);
      return dialled;
    } catch (error) {
      release();
      throw error;
    }
  }

  #keep(connection: UpstreamConnection): void {
    const destination = this.#destination(connection.key);
    const outdated = connection.routesSince !== this.#routesSince;
    if (outdated || !connection.usable || destination.idle.length >= this.#limits.maxIdlePerHost) {
      return connection.destroy();
    }
    connection.idleSince = this.#clock.now();
    destination.idle.push(connection);
  }

  /** Closes connections that nobody used for a while. */
  sweep(now: number): void {
    for (const { idle } of this.#destinations.values()) {
      for (const connection of [...idle]) {
        if (now - connection.idleSince > this.#limits.upstreamIdleTimeoutMs) connection.destroy();
      }
    }
  }

  /**
   * Routes changed, so each address and certificate must be checked anew: idle connections are closed, busy ones
   * are not kept, and TLS sessions, whose resumption would skip the certificate, are forgotten.
   */
  closeIdle(): void {
    this.#routesSince += 1;
    this.#sessions.clear();
    for (const { idle } of this.#destinations.values()) {
      for (const connection of [...idle]) connection.destroy();
    }
  }

  destroy(): void {
    for (const { all } of this.#destinations.values()) {
      for (const connection of [...all]) connection.destroy();
    }
  }

  get size(): number {
    let size = 0;
    for (const { all } of this.#destinations.values()) size += all.size;
    return size;
  }

  #destination(key: string): Destination {
    let destination = this.#destinations.get(key);
    if (destination === undefined) {
      destination = { idle: [], all: new Set(), opening: 0 };
      this.#destinations.set(key, destination);
    }
    return destination;
  }

  #forget(connection: UpstreamConnection): void {
    const destination = this.#destinations.get(connection.key);
    if (destination === undefined) return;
    destination.all.delete(connection);
    const at = destination.idle.indexOf(connection);
    if (at >= 0) destination.idle.splice(at, 1);
    this.#forgetDestination(connection.key, destination);
  }

  #forgetDestination(key: string, destination: Destination): void {
    if (destination.all.size === 0 && destination.opening === 0) this.#destinations.delete(key);
  }
}
