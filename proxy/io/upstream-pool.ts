import { BoundedCache } from '../../common/bounded-cache.ts';
import type { ByteBudget } from '../../common/byte-budget.ts';
import type { Clock } from '../../common/clock.ts';
import { Refusal } from '../http/refusal.ts';
import type { UpstreamStream } from '../http/streams.ts';
import type { ProxyLimits } from '../limits.ts';
import { dial, type Dialled, type DialTarget, type ReadSink, type Resolver, type TrustedContexts } from './dial.ts';
import { Http2Upstream } from './http2-upstream.ts';
import type { KeptConnection, UpstreamOwner } from './kept-connection.ts';
import { UpstreamConnection } from './upstream-connection.ts';

/** Connections to one destination. */
interface Destination {
  readonly all: Set<KeptConnection>;
  /** HTTP/1.1 connections without an exchange, the one used last at the end. */
  readonly idle: UpstreamConnection[];
  readonly shared: Http2Upstream[];
  opening: number;
  /** The dial under way: whoever may share what it brings waits for it instead of dialling too. */
  dialling: Promise<'shared' | 'own'> | undefined;
}

/** What a dial brought. */
interface Opened {
  readonly stream: UpstreamStream;
  readonly connection: KeptConnection;
}

/** Connections by destination, each to an address that was checked when it was dialled. */
export class UpstreamPool {
  readonly #destinations = new Map<string, Destination>();
  readonly #sessions = new BoundedCache<string, Buffer>(1024);
  /** What the last connection to a destination spoke. */
  readonly #spoken = new BoundedCache<string, Dialled['protocol']>(1024);
  readonly #resolver: Resolver;
  readonly #contexts: TrustedContexts;
  readonly #limits: ProxyLimits;
  readonly #clock: Clock;
  readonly #held: ByteBudget;
  /** Bare connections by destination. */
  readonly #raw = new Map<string, number>();
  #routesSince = 0;

  constructor(resolver: Resolver, contexts: TrustedContexts, limits: ProxyLimits, clock: Clock, held: ByteBudget) {
    this.#held = held;
    this.#resolver = resolver;
    this.#contexts = contexts;
    this.#limits = limits;
    this.#clock = clock;
  }

  /** A kept connection to this destination, or undefined. */
  take(key: string): UpstreamStream | undefined {
    const destination = this.#destinations.get(key);
    if (destination === undefined) return undefined;
    const { idle } = destination;
    for (let kept = idle.pop(); kept !== undefined; kept = idle.pop()) {
      if (kept.usable && this.#isYoung(kept)) return kept;
      kept.destroy();
    }
    return this.#share(destination);
  }

  #share({ shared }: Destination): UpstreamStream | undefined {
    return shared.find((kept) => kept.usable && this.#isYoung(kept))?.stream();
  }

  /** Resolves, checks every address, dials a checked one and verifies its certificate. @throws Refusal */
  async open(target: DialTarget): Promise<UpstreamStream> {
    let destination = this.#destination(target.key);
    // Each turn follows a connection that others fill: who waits for a dial that fails, fails with it.
    while (destination.dialling !== undefined && this.#mayShare(target)) {
      if ((await destination.dialling) !== 'shared') break;
      destination = this.#destination(target.key);
      const stream = this.#share(destination);
      if (stream !== undefined) return stream;
    }
    return this.#openAnother(target, this.#destination(target.key));
  }

  /** Unless it is known better, one dial is tried first: what speaks HTTP/2 needs no connection for each call. */
  #mayShare({ key, tls, alpn }: DialTarget): boolean {
    return tls && alpn.includes('h2') && this.#spoken.get(key) !== 'http/1.1';
  }

  async #openAnother(target: DialTarget, destination: Destination): Promise<UpstreamStream> {
    if (destination.all.size + destination.opening >= this.#limits.maxConnectionsPerHost) {
      throw new Refusal('overloaded', 'too many connections to this host are open');
    }
    destination.opening += 1;
    const opened = this.#dial(target, destination);
    const dialling = opened.then(async ({ connection }) => {
      return connection instanceof Http2Upstream && (await connection.greeted) ? 'shared' : 'own';
    });
    destination.dialling ??= dialling;
    const forget = (): void => {
      if (destination.dialling === dialling) destination.dialling = undefined;
      this.#forgetDestination(target.key, destination);
    };
    dialling.then(forget, forget);
    try {
      return (await opened).stream;
    } finally {
      destination.opening -= 1;
    }
  }

  async #dial(target: DialTarget, destination: Destination): Promise<Opened> {
    const routesSince = this.#routesSince;
    const addresses = await this.#resolver.resolve(target.host, target.port, target.allowedAddresses);
    const tlsWith = target.tls
      ? { context: this.#contexts.for(target.caPem, target.clientCertificate), sessions: this.#sessions }
      : undefined;
    const sink: ReadSink = { take: () => {} };
    const { socket, address, protocol } = await dial(target, addresses, tlsWith, this.#limits, sink);
    const origin = { key: target.key, address, openedAt: this.#clock.now(), routesSince };
    const held = this.#held;
    const now = (): number => this.#clock.now();
    const closed = (connection: KeptConnection): void => this.#forget(connection);
    this.#spoken.set(target.key, protocol);
    if (protocol === 'h2') {
      const shared = new Http2Upstream(socket, origin, this.#limits, { held, now, closed, released: () => {} });
      sink.take = (bytes) => shared.receive(bytes);
      destination.all.add(shared);
      if (routesSince === this.#routesSince) destination.shared.push(shared);
      const stream = shared.stream();
      if (routesSince !== this.#routesSince) shared.retire();
      return { stream, connection: shared };
    }
    const owner: UpstreamOwner<UpstreamConnection> = { held, now, closed, released: (ended) => this.#keep(ended) };
    const connection = new UpstreamConnection(socket, origin, this.#limits, owner);
    sink.take = (bytes) => connection.receive(bytes);
    destination.all.add(connection);
    return { stream: connection, connection };
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
    const destination = this.#destination(connection.origin.key);
    const outdated = connection.origin.routesSince !== this.#routesSince;
    if (outdated || !connection.usable || destination.idle.length >= this.#limits.maxIdlePerHost) {
      return connection.destroy();
    }
    destination.idle.push(connection);
  }

  /** Closes connections that nobody used for a while. */
  sweep(now: number): void {
    for (const { all } of this.#destinations.values()) {
      for (const connection of [...all]) {
        if (!connection.busy && now - connection.idleSince > this.#limits.upstreamIdleTimeoutMs) connection.destroy();
        else if (!this.#isYoung(connection)) connection.retire();
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
    for (const { all } of this.#destinations.values()) for (const connection of [...all]) connection.retire();
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

  #isYoung(connection: KeptConnection): boolean {
    return this.#clock.now() - connection.origin.openedAt < this.#limits.upstreamMaxAgeMs;
  }

  #destination(key: string): Destination {
    let destination = this.#destinations.get(key);
    if (destination === undefined) {
      destination = { idle: [], shared: [], all: new Set(), opening: 0, dialling: undefined };
      this.#destinations.set(key, destination);
    }
    return destination;
  }

  #forget(connection: KeptConnection): void {
    const { key } = connection.origin;
    const destination = this.#destinations.get(key);
    if (destination === undefined) return;
    destination.all.delete(connection);
    remove(destination.idle, connection);
    remove(destination.shared, connection);
    this.#forgetDestination(key, destination);
  }

  #forgetDestination(key: string, destination: Destination): void {
    if (destination.all.size === 0 && destination.opening === 0) this.#destinations.delete(key);
  }
}

function remove<T>(list: T[], item: unknown): void {
  const at = list.indexOf(item as T);
  if (at >= 0) list.splice(at, 1);
}
