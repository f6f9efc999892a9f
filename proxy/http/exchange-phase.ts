import type { Departure } from './request/preparation.ts';
import type { UpstreamStream } from './streams.ts';

/** How far an exchange has come. */
export type Phase =
  | { readonly name: 'preparing' }
  | { readonly name: 'dialling' }
  | { readonly name: 'open'; readonly departure: Departure; readonly upstream: UpstreamStream }
  | { readonly name: 'ended' };

export const PREPARING: Phase = Object.freeze({ name: 'preparing' });
export const ENDED: Phase = Object.freeze({ name: 'ended' });
