import { FrameType } from '../../protocols/http2/frames.ts';
import { ErrorCode, type ErrorName, Http2Error, type Http2StreamError } from '../../protocols/http2/http2-error.ts';
import { initialPeerSettings } from '../../protocols/http2/settings.ts';
import { Allowance } from './allowance.ts';
import { Credit, type SpareBytes } from './credit.ts';
import type { Http2Event, Http2Role } from './events.ts';
import type { Http2Limits } from './limits.ts';
import { Outbound } from './outbound.ts';
import type { Stream } from './stream.ts';
import { StreamTable } from './stream-table.ts';

/** What an opened stream earns of the control frame allowance. */
const EARNED_BY_HEAD = 4;

/** What the parts of a connection share, and the few moves that they all make. */
export class ConnectionState {
  readonly role: Http2Role;
  readonly limits: Http2Limits;
  readonly events: Http2Event[] = [];
  readonly streams = new StreamTable();
  readonly peer = initialPeerSettings();
  readonly control: Allowance;
  readonly resets: Allowance;
  readonly outbound: Outbound;
  readonly credit: Credit;
  /** We said GOAWAY, or the peer did: no new streams. */
  closing = false;
  peerClosing = false;
  /** Octets of provoked frames since the output was taken. */
  replyBytes = 0;

  constructor(role: Http2Role, limits: Http2Limits, spare: SpareBytes) {
    this.role = role;
    this.limits = limits;
    this.control = new Allowance(limits.controlFrameAllowance);
    this.resets = new Allowance(limits.resetAllowance);
    this.outbound = new Outbound(limits, this.peer, this.events, this.control);
    this.credit = new Credit(limits, this.outbound.frames, spare);
  }

  /** Whether a stream with this identifier is ours to open (RFC 9113 5.1.1). */
  isOwn(id: number): boolean {
    return (id & 1) === (this.role === 'client' ? 1 : 0);
  }

  /** Whether nobody has opened this stream; no frame but HEADERS and PRIORITY may name it (RFC 9113 5.1). */
  isIdle(id: number): boolean {
    return this.streams.isIdle(id, this.isOwn(id));
  }

  opened(stream: Stream): void {
    this.streams.add(stream);
    this.control.earn(EARNED_BY_HEAD);
  }

  /** Counts a frame that moves no message on. */
  spendControl(): void {
    if (!this.control.spend()) throw new Http2Error('ENHANCE_YOUR_CALM', 'too many frames that move no message on');
  }

  /** Counts a stream that the peer wasted. A server's work for it may cost far more than the peer's (CVE-2023-44487). */
  spendReset(): void {
    if (this.role === 'server' && !this.resets.spend()) {
      throw new Http2Error('ENHANCE_YOUR_CALM', 'too many streams that were reset');
    }
  }

  /** Counts octets that the peer makes us say; who does not read them may not ask for more. */
  reply(bytes: number): void {
    this.replyBytes += bytes;
    if (this.replyBytes > this.limits.maxUntakenReplyBytes) {
      throw new Http2Error('ENHANCE_YOUR_CALM', 'too many answers that were provoked and are not read');
    }
  }

  /** Ends a stream because of what the peer did (RFC 9113 5.4.2). */
  fail(id: number, error: Http2StreamError): void {
    this.reset(id, ErrorCode[error.code]);
    this.events.push({ type: 'reset', stream: id, code: error.code, by: 'us', message: error.message });
    this.spendReset();
    this.reply(RESET_FRAME_BYTES);
  }

  /** Says RST_STREAM and forgets the stream. */
  reset(id: number, code: number): void {
    this.outbound.frames.numbers(FrameType.RST_STREAM, id, code);
    const stream = this.streams.get(id);
    this.streams.rememberReset(id, stream?.receiveWindow ?? this.credit.initialWindow);
    if (stream !== undefined) this.drop(stream);
  }

  /** The peer ended a stream, in both directions. */
  droppedByPeer(stream: Stream, code: ErrorName, message: string): void {
    this.drop(stream);
    this.events.push({ type: 'reset', stream: stream.id, code, by: 'peer', message });
  }

  /** Removes a stream from everywhere. */
  drop(stream: Stream): void {
    this.outbound.forget(stream);
    this.#remove(stream);
  }

  /** Removes a stream that is over in both directions and whose body was consumed. */
  settle(stream: Stream): void {
    if (stream.receiving !== 'done' || stream.sending !== 'done') return;
    if (stream.unconsumedBytes > 0 || stream.closed) return;
    this.#remove(stream);
    this.resets.earn(1);
  }

  #remove(stream: Stream): void {
    this.streams.remove(stream);
    this.credit.release(stream);
  }

  /** Sends what waits for windows. */
  flush(): void {
    for (const stream of this.outbound.flush()) this.settle(stream);
  }
}

const RESET_FRAME_BYTES = 13;
