import type { Duplex } from 'node:stream';
import { isSlab } from '../../common/slabs.ts';
import type { Http2Connection } from '../sessions/http2/connection.ts';
import { writeSlab } from './copied-write.ts';
import { TurnWork } from './turn.ts';

/** Heads, answers to pings and resets wait for no window, and a peer that reads nothing could have them pile up for ever. */
const MAX_UNREAD_BYTES = 1_048_576;

/**
 * Writes what an HTTP/2 connection has to say. What one turn of the event loop brings, of however many streams, goes
 * out in one write; while the socket is full, frames stay with the connection: bodies within their windows, all else as
 * `stuck` says.
 */
export class FrameWriter {
  readonly #socket: Duplex;
  readonly #connection: Http2Connection;
  readonly #flushLater = new TurnWork('write', () => this.flush());
  #ending = false;

  constructor(socket: Duplex, connection: Http2Connection) {
    this.#socket = socket;
    this.#connection = connection;
  }

  /** The socket holds more than its high-water mark: `drain` of the socket, then `flush`. */
  get full(): boolean {
    return this.#socket.writableNeedDrain;
  }

  /** The peer has read so little that it is to be given nothing new to read: no stream is begun for it, until `drain`. */
  get stuck(): boolean {
    return this.#connection.untakenBytes > MAX_UNREAD_BYTES;
  }

  /** Writes at the end of this turn of the event loop. */
  schedule(): void {
    this.#flushLater.ask();
  }

  /** Writes now. */
  flush(): void {
    const socket = this.#socket;
    if (socket.destroyed || socket.writableEnded) return;
    if (!socket.writableNeedDrain || this.#ending) this.#write(this.#connection.takeOutput());
    if (this.#ending) socket.end();
  }

  /** Writes what is left and ends our side. */
  end(): void {
    this.#ending = true;
    this.flush();
  }

  #write(chunks: Buffer[]): void {
    if (chunks.length === 0) return;
    if (chunks.length > 1) this.#socket.cork();
    for (const chunk of chunks) {
      if (isSlab(chunk)) writeSlab(this.#socket, chunk);
      else this.#socket.write(chunk);
    }
    if (chunks.length > 1) this.#socket.uncork();
  }
}
