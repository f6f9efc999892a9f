import type { HeaderList } from './header-list.ts';

/** Where a body ends: there is none, after so many bytes, or where it says itself (chunks, DATA frames). */
export type Framing =
  | { readonly kind: 'none' }
  | { readonly kind: 'length'; readonly length: number }
  | { readonly kind: 'chunked' };

/** A response also may end where its connection ends (RFC 9112 6.3, item 8). */
export type ResponseFraming = Framing | { readonly kind: 'until-close' };

export const NO_BODY: Framing = Object.freeze({ kind: 'none' });
export const CHUNKED: Framing = Object.freeze({ kind: 'chunked' });

/** A request's head, checked. */
export interface RequestHead {
  readonly method: string;
  /**
   * The request target as sent: origin-form, absolute-form, authority-form (CONNECT) or `*` (OPTIONS); in HTTP/2 it is
   * `:path`.
   */
  readonly target: string;
  readonly version: '1.0' | '1.1' | '2';
  readonly headers: HeaderList;
  readonly framing: Framing;
  /** Whether the connection may carry another request; false for every HTTP/1.0 request (RFC 9112 9.3, C.2.2). */
  readonly keepAlive: boolean;
  /** The agent waits for 100 (Continue) before it sends the body (RFC 9110 10.1.1). */
  readonly expectContinue: boolean;
  /** What HTTP/2 says in pseudo-fields (RFC 9113 8.3.1). */
  readonly pseudo?: PseudoFields;
}

export interface PseudoFields {
  readonly scheme: string;
  readonly authority: string;
  /** Extended CONNECT (RFC 8441 4). */
  readonly protocol: string | undefined;
}

/** A response's head, checked. */
export interface ResponseHead {
  readonly status: number;
  readonly reason: string;
  readonly version: '1.0' | '1.1' | '2';
  readonly headers: HeaderList;
  readonly framing: ResponseFraming;
  /** Whether the connection may carry another exchange after this one (RFC 9112 9.3). */
  readonly keepAlive: boolean;
}
