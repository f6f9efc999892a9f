import type { HeaderList } from '../protocols/header-list.ts';
import { Refusal } from '../refusal.ts';

/** A shorter piece may be too short to hold 8 characters of a secret; so many are always there. */
const MIN_ASKED_BYTES = 4_096;
/** The same of an answer, whose representation may end before the range does: 8 characters, each escaped. */
const MIN_ANSWERED_BYTES = 128;
/** At each edge of a piece up to 7 characters are not recognised; that must be far from all of a secret. */
const MIN_SECRET_BYTES = 32;

/** `bytes=first-`, `bytes=first-last` or `bytes=-suffix`, one range alone (RFC 9110 14.1.2). */
const ONE_RANGE = /^bytes=(\d{0,15})-(\d{0,15})$/i;
const CONTENT_RANGE = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15}|\*)$/i;

/**
 * Whether a piece of the answer can be searched for secrets, the shortest of so many bytes: one range that is long enough
 * or open. RFC 9110 14.2 lets whoever gets a Range ignore it, so that all others are dropped.
 */
export function isSearchableRange(value: string, shortestBytes: number): boolean {
  const [, first = '', last = ''] = ONE_RANGE.exec(value) ?? [];
  if (first === '' && last === '') return false;
  if (shortestBytes < MIN_SECRET_BYTES) return false;
  if (first !== '' && last === '') return true;
  const length = first === '' ? Number(last) : Number(last) - Number(first) + 1;
  return length >= MIN_ASKED_BYTES;
}

/**
 * Whether the body of a 206 (RFC 9110 15.3.7) begins in the middle of its representation, and so perhaps of a secret.
 *
 * @throws Refusal `response-undecodable` when no secret could be recognised in it: several parts, or one that is too short
 */
export function beginsInside(headers: HeaderList): boolean {
  const [, first = '', last = '', total = ''] = CONTENT_RANGE.exec(headers.get('content-range') ?? '') ?? [];
  const length = Number(last) - Number(first) + 1;
  const isWhole = Number(first) === 0 && length === Number(total);
  if (first === '' || (length < MIN_ANSWERED_BYTES && !isWhole)) {
    throw new Refusal('response-undecodable', 'a part of an answer that cannot be searched for secrets');
  }
  return Number(first) > 0;
}
