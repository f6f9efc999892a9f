import { BoundedCache } from '../../../common/bounded-cache.ts';
import type { HeaderList } from '../../protocols/header-list.ts';

const MAX_ORIGINS = 1_024;
const MAX_NONCE_CHARACTERS = 512;

/** RFC 9449 section 8.1: `NQCHAR`s. A longer one is taken for none, and the server will ask again. */
const NONCE = /^[\x21\x23-\x5b\x5d-\x7e]+$/;

/**
 * The newest nonce of each resource server (RFC 9449 section 9). One server may know several: keys that are bound to different
 * tokens share it, since it says nothing about who asks.
 */
export class DpopNonces {
  readonly #byOrigin = new BoundedCache<string, string>(MAX_ORIGINS);

  /** @param origin - Scheme, host and port, in one spelling. */
  get(origin: string): string | undefined {
    return this.#byOrigin.get(origin);
  }

  /** Notes what an answer says; call it for every answer to a call that carried a proof. */
  note(origin: string, answer: HeaderList): void {
    const values = answer.getAll('dpop-nonce');
    const [nonce] = values;
    if (nonce === undefined || values.length !== 1 || nonce.length > MAX_NONCE_CHARACTERS || !NONCE.test(nonce)) return;
    this.#byOrigin.set(origin, nonce);
  }
}

/**
 * True when the server refused the proof only for want of its nonce (RFC 9449 section 9), so that the call, with the nonce
 * that came along, would do.
 */
export function asksForDpopNonce(status: number, answer: HeaderList): boolean {
  if (status !== 401 || !answer.has('dpop-nonce')) return false;
  return answer.getAll('www-authenticate').some((value) => {
    const scheme = value.search(/\bDPoP\b/i);
    return scheme !== -1 && /\berror="?use_dpop_nonce\b/i.test(value.slice(scheme));
  });
}
