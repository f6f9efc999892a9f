import type { Secret } from '../../common/secret.ts';
import { EscapedSearch } from './escaped-search.ts';
import { startsEscape } from './escapes.ts';
import { type Findings, NeedleSet } from './needle-set.ts';
import { foldedRenderingsOf, renderingsOf, wideRenderingsOf } from './renderings.ts';

/** Where secrets stand in some bytes. */
export interface Search {
  /** Bytes that the shortest rendering has. */
  readonly shortest: number;
  /** The most bytes that one secret may take, all of it escaped, with an escape before it that was cut. */
  readonly longestBytes: number;
  /** Adds every secret that stands whole in bytes[0, end), where NUL bytes part one text from another. */
  search(bytes: Buffer, end: number, findings: Findings): void;
  /**
   * The same in one text, which may have lines, and characters of more than one byte. `before`: so many bytes that may be of
   * base64 or hexadecimal stand ahead of these.
   */
  searchBody(bytes: Buffer, before: number, findings: Findings): void;
  /** Adds the rest of a secret that began before the bytes did, if at least `minMatched` of its characters are there. */
  rests(bytes: Buffer, minMatched: number, findings: Findings): void;
  /**
   * Where a secret may have begun that goes on behind `end`, with at least `minMatched` characters seen; else `end`. `before` as
   * in `searchBody`.
   */
  pendingFrom(bytes: Uint8Array, end: number, minMatched: number, before: number): number;
}

/** A search for every rendering of some secrets; undefined when there is nothing to look for. */
export function searchFor(secrets: readonly Secret[]): Search | undefined {
  const plain = distinct(secrets.flatMap((secret) => renderingsOf(secret.revealBytes())));
  const folded = distinct(secrets.flatMap((secret) => foldedRenderingsOf(secret.revealBytes())));
  return plain.length === 0 ? undefined : new SecretSearch(secrets, plain, folded);
}

function distinct(needles: readonly Buffer[]): Buffer[] {
  return [...new Map(needles.map((bytes) => [bytes.toString('latin1'), bytes])).values()];
}

/**
 * What text with neither escapes nor lines nor NUL bytes needs is made at once; the rest, which costs more, with the first that
 * has them.
 */
class SecretSearch implements Search {
  readonly shortest: number;
  readonly #secrets: readonly Secret[];
  readonly #needles: readonly Buffer[];
  /** Those of the needles between whose bytes a line may end. */
  readonly #folded: readonly Buffer[];
  readonly #plain: NeedleSet;
  #rarely: { readonly wide: NeedleSet | undefined; readonly escaped: EscapedSearch } | undefined;

  constructor(secrets: readonly Secret[], plain: readonly Buffer[], folded: readonly Buffer[]) {
    this.#secrets = secrets;
    this.#folded = folded;
    this.#needles = [...plain, ...folded];
    this.#plain = new NeedleSet(this.#needles);
    this.shortest = Math.min(...this.#needles.map((needle) => needle.length));
  }

  get longestBytes(): number {
    return this.#rest.escaped.longestBytes;
  }

  search(bytes: Buffer, end: number, findings: Findings): void {
    this.#plain.search(bytes, end, findings);
    if (this.#rarely !== undefined || holdsEscape(bytes, end)) this.#rest.escaped.search(bytes, end, findings);
  }

  searchBody(bytes: Buffer, before: number, findings: Findings): void {
    this.search(bytes, bytes.length, findings);
    if (bytes.includes(0x0a)) this.#rest.escaped.searchLines(bytes, before, findings);
    if (bytes.includes(0)) this.#rest.wide?.search(bytes, bytes.length, findings);
  }

  rests(bytes: Buffer, minMatched: number, findings: Findings): void {
    this.#rest.escaped.rests(bytes, minMatched, findings);
  }

  pendingFrom(bytes: Uint8Array, end: number, minMatched: number, before: number): number {
    return this.#rest.escaped.pendingFrom(bytes, end, minMatched, before);
  }

  get #rest() {
    return (this.#rarely ??= this.#makeRest());
  }

  #makeRest() {
    const wides = this.#secrets.flatMap((secret) => wideRenderingsOf(secret.revealBytes()));
    const wide = wides.length === 0 ? undefined : new NeedleSet(wides);
    const longest = Math.max(this.#plain.longest, wide?.longest ?? 0);
    return { wide, escaped: new EscapedSearch([...this.#needles, ...wides], longest, this.#folded) };
  }
}

function holdsEscape(bytes: Uint8Array, end: number): boolean {
  for (let at = 0; at < end; at += 1) {
    if (startsEscape(bytes[at] ?? 0)) return true;
  }
  return false;
}
