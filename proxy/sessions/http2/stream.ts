import type { HeaderList } from '../../protocols/header-list.ts';

/** What is still to come from the peer. */
export type Receiving = 'head' | 'body' | 'done';
/** What is still to be said by us; `ending`: all is said, some of it waits for a window. */
export type Sending = 'head' | 'body' | 'ending' | 'done';

/** One stream (RFC 9113 5.1), as its two halves. */
export class Stream {
  readonly id: number;
  receiving: Receiving;
  sending: Sending;
  /** Removed from the table; whoever still holds the stream has to let go of it. */
  closed = false;

  /** Octets that we may send; below 0 after the peer has shrunk it (RFC 9113 6.9.2). */
  sendWindow: number;
  readonly queue: Buffer[] = [];
  queuedBytes = 0;
  trailers: HeaderList | undefined = undefined;

  /** Octets that the peer may send. */
  receiveWindow: number;
  /** Octets told in `body` events and not consumed. */
  unconsumedBytes = 0;
  /** Octets consumed, but not given back yet. */
  uncreditedBytes = 0;
  /** What the window is wider by than at first. */
  addedBytes = 0;
  /** Octets of body that Content-Length lets come; -1: no bound. */
  remainingBytes = -1;
  /** The method of a request that we sent. */
  readonly method: string;
  informational = 0;

  constructor(id: number, receiving: Receiving, sending: Sending, method: string, windows: Windows) {
    this.id = id;
    this.receiving = receiving;
    this.sending = sending;
    this.method = method;
    this.sendWindow = windows.send;
    this.receiveWindow = windows.receive;
  }
}

export interface Windows {
  readonly send: number;
  readonly receive: number;
}
