import type { HeaderList } from '../../protocols/header-list.ts';
import type { Http2RequestHead, Http2ResponseHead } from '../../protocols/http2/heads.ts';
import type { ErrorName } from '../../protocols/http2/http2-error.ts';

export type Http2Role = 'server' | 'client';

/** A message: `head` ('request-head' at a server), `body` any number of times, then `end`, unless a `reset` cuts it. */
export type Http2Event =
  | RequestHeadEvent
  | ResponseHeadEvent
  | { readonly type: 'informational'; readonly stream: number; readonly head: Http2ResponseHead }
  /** `bytes` are a view of what was received. Each is to be consumed once, by consume(). */
  | { readonly type: 'body'; readonly stream: number; readonly bytes: Buffer }
  | { readonly type: 'end'; readonly stream: number; readonly trailers: HeaderList | undefined }
  | ResetEvent
  /** What sendData() had to queue is sent: more may come. */
  | { readonly type: 'writable'; readonly stream: number }
  /** The peer ends the connection; those of our streams that it does not take were told as `reset`. */
  | { readonly type: 'goaway'; readonly code: ErrorName }
  /** The peer's settings were read; canOpen and remoteAllowsExtendedConnect are up to date. */
  | { readonly type: 'settings' };

export interface RequestHeadEvent {
  readonly type: 'request-head';
  readonly stream: number;
  readonly head: Http2RequestHead;
  /** No body follows; `end` does all the same. */
  readonly endStream: boolean;
}

export interface ResponseHeadEvent {
  readonly type: 'response-head';
  readonly stream: number;
  readonly head: Http2ResponseHead;
  readonly endStream: boolean;
}

/** The stream is over in both directions. A server is also told of streams whose head was refused. */
export interface ResetEvent {
  readonly type: 'reset';
  readonly stream: number;
  readonly code: ErrorName;
  /** Who ended it: the peer, or we because of what the peer did, as `message` says. */
  readonly by: 'peer' | 'us';
  readonly message: string;
}
