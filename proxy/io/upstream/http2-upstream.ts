import type { Socket } from 'node:net';
import type { ByteBudget } from '../../../common/byte-budget.ts';
import { Roster } from '../../../common/roster.ts';
import type { ProxyLimits } from '../../limits.ts';
import { Http2Error } from '../../protocols/http2/http2-error.ts';
import type { UpstreamFailure } from '../../http/streams.ts';
import { Refusal } from '../../refusal.ts';
import { Http2Connection } from '../../sessions/http2/connection.ts';
import { StreamMap } from '../../sessions/http2/stream-map.ts';
import { brokenBeforeUse, brokenConnection } from './broken-connection.ts';
import { FrameWriter } from '../frame-writer.ts';
import { closeWith } from '../linger.ts';
import { Http2UpstreamStream, type Http2UpstreamParts, type StreamEvent } from './http2-upstream-stream.ts';
import type { KeptConnection, UpstreamOwner, UpstreamOrigin } from './kept-connection.ts';

const NOTHING = Buffer.alloc(0);
const TICK_MS = 1_000;
/**
 * Servers end a connection, with all calls on it, on which many were given up, for CVE-2023-44487: hyper for 21 at once, Netty for
 * 200 in half a minute, Envoy for 250. What is asked for after so many goes elsewhere.
 */
const MAX_GIVEN_UP = 16;
/** Tomcat ends it for the third in a row: where that happened, fewer are risked. */
const MAX_GIVEN_UP_CALMLY = 2;

/** Who keeps connections that are shared. */
interface SharedOwner extends UpstreamOwner<Http2Upstream> {
  /** What windows may grow by. */
  readonly held: ByteBudget;
}

/** One HTTP/2 connection to one checked address, carrying many exchanges at a time. */
export class Http2Upstream implements KeptConnection {
  readonly origin: UpstreamOrigin;
  idleSince: number;
  seat = -1;
  readonly #socket: Socket;
  readonly #http2: Http2Connection;
  readonly #writer: FrameWriter;
  readonly #parts: Http2UpstreamParts;
  readonly #owner: SharedOwner;
  readonly #streams = new StreamMap<Http2UpstreamStream>();
  readonly #touched = new Roster<Http2UpstreamStream>();
  /** Until the peer's settings are here; it may send nothing before them (RFC 9113 3.4). Rejects with a Refusal. */
  readonly met: Promise<void>;
  #meeting:
    | { readonly met: () => void; readonly failed: (error: Refusal) => void; readonly late: NodeJS.Timeout }
    | undefined;
  /** Streams that were handed out and have not begun. */
  #promised = 0;
  #givenUp = 0;
  readonly #maxGivenUp: number;
  /** The upstream ended it for what it was asked (RFC 9113 7). */
  wasTooMuch = false;
  /** Takes no new stream; closes with its last one. */
  #retired = false;
  #closed = false;
  /** It has answered a call. */
  #served = false;
  #lastTick: number;
  #heardAt: number;
  /** Milliseconds without a word, as its settings may take. */
  readonly #silentMs: number;

  /** `calmly`: the upstream has said of an earlier one that it was too much. */
  constructor(socket: Socket, origin: UpstreamOrigin, limits: ProxyLimits, owner: SharedOwner, calmly = false) {
    this.#socket = socket;
    this.#maxGivenUp = calmly ? MAX_GIVEN_UP_CALMLY : MAX_GIVEN_UP;
    this.origin = origin;
    this.idleSince = origin.openedAt;
    this.#lastTick = origin.openedAt;
    this.#heardAt = origin.openedAt;
    this.#silentMs = limits.tlsHandshakeTimeoutMs;
    this.#owner = owner;
    this.#http2 = new Http2Connection('client', limits.http2, owner.held);
    this.#writer = new FrameWriter(socket, this.#http2);
    this.#parts = {
      address: origin.address,
      http2: this.#http2,
      writer: this.#writer,
      isClosed: () => this.#closed,
      opened: (id, stream) => {
        this.#promised -= 1;
        this.#streams.set(id, stream);
      },
      forget: (id) => this.#forget(id),
      gaveUp: () => this.#onGivenUp(),
      spendReset: () => this.#spendReset(),
      refused: (stream) => this.#refused(stream),
      unused: () => {
        this.#promised -= 1;
        this.#onFreed();
      },
    };
    this.met = new Promise((met, failed) => {
      const error = new Refusal('upstream-timeout', 'the upstream did not send its HTTP/2 settings in time');
      this.#meeting = { met, failed, late: setTimeout(() => this.#fail(error), limits.tlsHandshakeTimeoutMs).unref() };
    });
    this.met.catch(() => {});
    socket.on('drain', () => this.#onDrain());
    socket.on('end', () => this.#lost());
    socket.on('error', (cause) => this.#lost(brokenConnection(cause)));
    socket.on('close', () => this.#lost());
    this.#writer.schedule();
  }

  /** Whether a further stream may be opened on it, beside those that were promised already. */
  get usable(): boolean {
    if (this.#closed || this.#retired || this.#meeting !== undefined || this.#socket.destroyed) return false;
    return this.#http2.room > this.#promised && !this.#writer.stuck;
  }

  /** Whether the upstream takes extended CONNECT (RFC 8441 3); false until its settings are here. */
  get takesWebSockets(): boolean {
    return this.#http2.remoteAllowsExtendedConnect;
  }

  get busy(): boolean {
    return this.#streams.size + this.#promised > 0;
  }

  stream(): Http2UpstreamStream {
    this.#promised += 1;
    return new Http2UpstreamStream(this.#parts);
  }

  /** Without GOAWAY, which would shut out streams that were promised already, and tells a server without push nothing (RFC 9113 6.8). */
  retire(): void {
    this.#retired = true;
    if (!this.busy) this.destroy();
  }

  destroy(): void {
    this.#fail(new Refusal('upstream-closed', 'the connection was closed'));
  }

  /** What the socket read. The bytes are lent: whatever outlives this call is copied. */
  receive(bytes: Buffer): void {
    if (this.#closed) return;
    const now = this.#owner.now();
    this.#heardAt = now;
    if (now - this.#lastTick >= TICK_MS) {
      this.#lastTick = now;
      this.#http2.tick();
    }
    this.#http2.receive(bytes);
    try {
      for (let event = this.#http2.next(); event !== undefined; event = this.#http2.next()) {
        if (event.type === 'goaway') this.wasTooMuch ||= event.code === 'ENHANCE_YOUR_CALM';
        if (event.type === 'settings') this.#onMet();
        if (event.type === 'end') this.#served = true;
        if (!('stream' in event)) continue;
        const stream = this.#streams.get(event.stream);
        if (stream === undefined) {
          // It was given up, and the upstream goes on with it all the same.
          if (event.type === 'body') this.#http2.reset(event.stream, 'CANCEL');
          continue;
        }
        this.#touched.add(stream);
        this.#give(stream, event);
      }
    } catch (cause) {
      this.#writer.flush();
      if (cause instanceof Http2Error) {
        return this.#fail(new Refusal('upstream-malformed', 'the upstream breaks HTTP/2', { cause }), 'lingering');
      }
      return this.#fail(new Refusal('internal-error', 'the proxy failed to read the upstream', { cause }));
    }
    this.#http2.copyUnread();
    for (const stream of this.#touched.takeAll()) this.#give(stream, undefined);
    this.#writer.flush();
    if (this.#isUseless && !this.busy) this.destroy();
  }

  /** An event, or undefined when those of one read were given. What fails with it ends its own exchange. */
  #give(stream: Http2UpstreamStream, event: StreamEvent | undefined): void {
    try {
      if (event === undefined) stream.onReadDone();
      else stream.take(event);
    } catch (error) {
      stream.failed(error);
    }
  }

  #onMet(): void {
    clearTimeout(this.#meeting?.late);
    this.#meeting?.met();
    this.#meeting = undefined;
  }

  #onDrain(): void {
    this.#writer.flush();
    for (const stream of this.#streams.values()) stream.onWritable(false);
  }

  #forget(id: number): void {
    if (this.#streams.delete(id)) this.#onFreed();
  }

  #onFreed(): void {
    if (this.busy) return;
    this.idleSince = this.#owner.now();
    if (this.#isUseless) setImmediate(() => this.#closeIfDone());
  }

  /** It takes no further stream: never again, or (SETTINGS_MAX_CONCURRENT_STREAMS of 0) as it says now. */
  get #isUseless(): boolean {
    if (this.#retired || this.#http2.exhausted) return true;
    return this.#http2.room === 0 && this.#http2.openStreams === 0;
  }

  #closeIfDone(): void {
    if (!this.busy) this.destroy();
  }

  /**
   * What is between may be dead without a word, while its kernel still takes all that is sent: no further call is given to a way that
   * one has waited on in vain.
   */
  #onGivenUp(): void {
    if (this.#owner.now() - this.#heardAt >= this.#silentMs) this.#retired = true;
  }

  /** Counts one that is given up. Beyond so many the upstream is not told: what still comes is dropped, and with its last call the connection ends. */
  #spendReset(): boolean {
    this.#givenUp += 1;
    if (this.#givenUp >= this.#maxGivenUp) this.#retired = true;
    return this.#givenUp <= this.#maxGivenUp;
  }

  /** It could take a stream when it was handed out, and cannot any more. */
  #refused(stream: Http2UpstreamStream): void {
    this.#promised -= 1;
    this.#retired = true;
    setImmediate(() => this.#closeIfDone());
    queueMicrotask(() => stream.fail(new Refusal('upstream-closed', 'the upstream takes no more streams'), 'never'));
  }

  /** A kept connection may have been closed before its last requests were seen. */
  #lost(cause = new Refusal('upstream-closed', 'the upstream closed the connection')): void {
    this.#fail(cause, 'at once', this.#served ? 'perhaps-not' : 'unknown');
  }

  /** `lingering`: destroyed at once, the connection could lose the GOAWAY that says why (RFC 9113 5.4.1). */
  #fail(
    cause: Refusal,
    how: 'at once' | 'lingering' = 'at once',
    processed: UpstreamFailure['processed'] = 'unknown',
  ): void {
    if (this.#closed) return;
    this.#closed = true;
    const error = this.#meeting === undefined ? cause : brokenBeforeUse(cause, this.origin);
    if (how === 'lingering') closeWith(this.#socket, NOTHING);
    else this.#socket.destroy();
    clearTimeout(this.#meeting?.late);
    this.#meeting?.failed(error);
    this.#meeting = undefined;
    // First, so that calls which are sent again find its place free.
    this.#owner.closed(this);
    for (const stream of this.#streams.values()) stream.fail(error, processed);
    this.#streams.clear();
    this.#http2.abandon();
  }
}
