import type { Socket } from 'node:net';
import { ByteQueue } from '../../protocols/byte-queue.ts';
import type { AgentSession, AgentSessions } from './agent-sessions.ts';

/** How the reading of first bytes ended. */
export type FirstBytesEnd<T> =
  | { readonly kind: 'known'; readonly value: T; readonly bytes: Buffer }
  | { readonly kind: 'late' }
  /** The agent went away, or ended its side before it had said enough. */
  | { readonly kind: 'closed' };

interface Reading<T> {
  /** Judges all bytes so far; undefined asks for more. It must come to an end by itself. */
  readonly judge: (bytes: Buffer) => T | undefined;
  /** By the monotonic clock. */
  readonly deadlineAt: number;
  /** Called once. The socket is paused, without listeners of ours but one for errors, and `bytes` are taken from it. */
  readonly done: (end: FirstBytesEnd<T>) => void;
}

/** Reads a socket until its first bytes say what they are. */
export class FirstBytes<T> implements AgentSession {
  readonly deadlineAt: number;
  readonly #forget: () => void;
  readonly #socket: Socket;
  readonly #judge: Reading<T>['judge'];
  readonly #done: Reading<T>['done'];
  readonly #queue = new ByteQueue();
  #isDone = false;
  readonly #onData = (bytes: Buffer): void => {
    this.#queue.push(bytes);
    this.#queue.gather(Number.MAX_SAFE_INTEGER);
    const value = this.#judge(this.#queue.front.subarray(this.#queue.start, this.#queue.end));
    if (value !== undefined) this.#end({ kind: 'known', value, bytes: this.#queue.takeAll() });
  };
  readonly #onGone = (): void => this.#end({ kind: 'closed' });

  constructor(sessions: AgentSessions, socket: Socket, { judge, deadlineAt, done }: Reading<T>) {
    this.#socket = socket;
    this.#judge = judge;
    this.deadlineAt = deadlineAt;
    this.#done = done;
    this.#forget = sessions.track(this, socket);
    socket.on('data', this.#onData);
    socket.once('end', this.#onGone);
    socket.once('close', this.#onGone);
    socket.resume();
    // It says so once, and may have said it while its user was looked up.
    if (socket.readableEnded || socket.destroyed) process.nextTick(this.#onGone);
  }

  expire(): void {
    this.#end({ kind: 'late' });
  }

  drain(): void {
    this.destroy();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #end(end: FirstBytesEnd<T>): void {
    if (this.#isDone) return;
    this.#isDone = true;
    this.#forget();
    this.#socket.pause();
    this.#socket.removeListener('data', this.#onData);
    this.#socket.removeListener('end', this.#onGone);
    this.#socket.removeListener('close', this.#onGone);
    this.#done(end);
  }
}
