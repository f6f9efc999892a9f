import { BoundedCache } from '../../../common/bounded-cache.ts';
import type { ByteBudget } from '../../../common/byte-budget.ts';
import { type DialTarget, overHttp1 } from '../../http/request/dial-target.ts';
import type { UpstreamStream } from '../../http/streams.ts';
import type { Upstreams, Use } from '../../http/upstreams.ts';
import type { ProxyLimits } from '../../limits.ts';
import { Refusal } from '../../refusal.ts';
import { DestinationConnections } from './destination-connections.ts';
import { dial, type Dialled, type ReadSink, type Resolver, type TrustedContexts } from './dial.ts';
import { Http2Upstream } from './http2-upstream.ts';
import type { KeptConnection } from './kept-connection.ts';
import { KnownVersions } from './known-versions.ts';
import { UpstreamConnection } from './upstream-connection.ts';

interface Opened {
  readonly stream: UpstreamStream;
  /** The connection, where it may carry others too. */
  readonly shared: Http2Upstream | undefined;
}

/** Connections by destination, each to an address that was checked when it was dialled. */
export class UpstreamPool implements Upstreams {
  readonly #destinations = new Map<string, DestinationConnections>();
  readonly #sessions = new BoundedCache<string, Buffer>(1024);
  readonly #versions = new KnownVersions();
  /** Destinations that ended a shared connection for what they were asked on it. */
  readonly #touchy = new BoundedCache<string, true>(1024);
  readonly #resolver: Resolver;
  readonly #contexts: TrustedContexts;
  readonly #limits: ProxyLimits;
  readonly #now: () => number;
  readonly #held: ByteBudget;
  /** Bare connections by destination. */
  readonly #raw = new Map<string, number>();

  /** `now`: of a clock that nobody sets. */
  constructor(resolver: Resolver, contexts: TrustedContexts, limits: ProxyLimits, now: () => number, held: ByteBudget) {
    this.#held = held;
    this.#resolver = resolver;
    this.#contexts = contexts;
    this.#limits = limits;
    this.#now = now;
  }

  /** A stream on a kept connection to this destination, or undefined. */
  take(target: DialTarget, use: Use = 'exchange'): UpstreamStream | undefined {
    const destination = this.#destinations.get(target.key);
    return destination?.takeIdle(this.#isYoung) ?? destination?.takeShared(use, this.#isYoung);
  }

  /** Resolves, checks every address, dials a checked one and verifies its certificate. @throws Refusal */
  async open(target: DialTarget, use: Use = 'exchange'): Promise<UpstreamStream> {
    if (use === 'exchange') return (await this.#open(target, use)).stream;
    if (this.#versions.mayCarryWebSocket(target)) {
      const { stream, shared } = await this.#open(target, use);
      if (shared === undefined) return stream;
      await shared.met;
      if (shared.takesWebSockets) return stream;
      stream.release(false);
    }
    if (!target.versions.includes('http/1.1')) {
      throw new Refusal('upgrade-refused', 'the upstream speaks HTTP/2 alone, and takes no WebSockets in it');
    }
    return (await this.#open(overHttp1(target), use)).stream;
  }

  /**
   * While the first connection has not shown what the upstream speaks, all others wait for it: a cold burst dials once
   * where the upstream takes HTTP/2. When it comes to nothing, so do they, as they would one by one.
   */
  async #open(target: DialTarget, use: Use): Promise<Opened> {
    for (;;) {
      const destination = this.#destination(target.key);
      if (destination.meeting === undefined || !this.#versions.mayBeShared(target)) {
        return this.#openNew(target, destination);
      }
      await destination.meeting;
      const stream = this.#destinations.get(target.key)?.takeShared(use, this.#isYoung);
      if (stream !== undefined) return { stream, shared: undefined };
    }
  }

  async #openNew(target: DialTarget, destination: DestinationConnections): Promise<Opened> {
    if (destination.count >= this.#limits.maxConnectionsPerHost) {
      throw new Refusal('overloaded', 'too many connections to this host are open');
    }
    destination.opening += 1;
    const opened = this.#dial(target, destination);
    const meeting = opened.then(({ shared }) => shared?.met);
    destination.meeting ??= meeting;
    const over = (): void => {
      if (destination.meeting === meeting) destination.meeting = undefined;
    };
    meeting.then(over, over);
    try {
      return await opened;
    } finally {
      destination.opening -= 1;
      this.#forgetDestination(target.key, destination);
    }
  }

  async #dial(target: DialTarget, destination: DestinationConnections): Promise<Opened> {
    const addresses = await this.#resolver.resolve(target.host, target.port, target.allowedAddresses);
    const tlsWith = target.tls
      ? { context: this.#contexts.for(target.caPem, target.clientCertificate), sessions: this.#sessions }
      : undefined;
    const sink: ReadSink = { take: () => {} };
    const { socket, address, version } = await dial(target, addresses, tlsWith, this.#limits, sink);
    const showsCertificate = target.clientCertificate !== undefined;
    const origin = { key: target.key, address, openedAt: this.#now(), showsCertificate };
    const now = this.#now;
    const closed = (connection: KeptConnection): void => this.#forget(connection);
    if (version === 'h2') {
      const ended = (connection: Http2Upstream): void => {
        if (connection.wasTooMuch) this.#touchy.set(target.key, true);
        closed(connection);
      };
      const isTouchy = this.#touchy.get(target.key) === true;
      const sharedOwner = { held: this.#held, now, closed: ended };
      const shared = new Http2Upstream(socket, origin, this.#limits, sharedOwner, isTouchy);
      sink.take = (bytes) => shared.receive(bytes);
      destination.all.add(shared);
      shared.met.then(
        () => this.#versions.learn(target, shared.takesWebSockets ? 'h2 with WebSockets' : 'h2'),
        () => {},
      );
      destination.shared.push(shared);
      return { stream: shared.stream(), shared };
    }
    this.#versions.learn(target, 'http/1.1');
    const released = (ended: UpstreamConnection): void => this.#keep(ended);
    const connection = new UpstreamConnection(socket, origin, this.#limits, { now, closed, released });
    sink.take = (bytes) => connection.receive(bytes);
    destination.all.add(connection);
    return { stream: connection, shared: undefined };
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
    if (!connection.usable || destination.idle.length >= this.#limits.maxIdlePerHost) return connection.destroy();
    destination.idle.push(connection);
  }

  /** Closes connections that nobody used for a while. */
  sweep(now: number): void {
    for (const { all } of this.#destinations.values()) {
      for (const connection of all) {
        if (!connection.busy && now - connection.idleSince > this.#limits.upstreamIdleTimeoutMs) connection.destroy();
        else if (!this.#isYoung(connection)) connection.retire();
      }
    }
  }

  /**
   * Routes changed, so that each address and certificate is checked anew: by its key, no later call takes what was dialled
   * under the old ones, nor its TLS session. What is idle is closed at once; what is busy, with its last call.
   */
  closeIdle(): void {
    for (const { all } of this.#destinations.values()) for (const connection of all) connection.retire();
  }

  /** Connections and sessions of TLS that others vouched for are not used for further calls. */
  trust(caPem: string): void {
    this.#contexts.trust(caPem);
    this.#sessions.clear();
    this.closeIdle();
  }

  destroy(): void {
    for (const { all } of this.#destinations.values()) {
      for (const connection of all) connection.destroy();
    }
  }

  /** Every connection, the bare ones too. */
  get size(): number {
    let size = 0;
    for (const open of this.#raw.values()) size += open;
    for (const { all } of this.#destinations.values()) size += all.size;
    return size;
  }

  readonly #isYoung = (connection: KeptConnection): boolean => {
    return this.#now() - connection.origin.openedAt < this.#limits.upstreamMaxAgeMs;
  };

  #destination(key: string): DestinationConnections {
    let destination = this.#destinations.get(key);
    if (destination === undefined) {
      destination = new DestinationConnections();
      this.#destinations.set(key, destination);
    }
    return destination;
  }

  #forget(connection: KeptConnection): void {
    const { key } = connection.origin;
    const destination = this.#destinations.get(key);
    if (destination === undefined) return;
    destination.forget(connection);
    this.#forgetDestination(key, destination);
  }

  #forgetDestination(key: string, destination: DestinationConnections): void {
    if (destination.count === 0) this.#destinations.delete(key);
  }
}
