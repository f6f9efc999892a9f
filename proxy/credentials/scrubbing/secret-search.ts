import type { Secret } from '../../../common/secret.ts';
import { BLOCK_BYTES, type CutNeedle, CutSearch } from './cut-search.ts';
import { ElementMatcher } from './element-matcher.ts';
import { EscapedSearch } from './escaped-search.ts';
import { startsEscape } from './escapes.ts';
import { type Findings, NeedleSet } from './needle-set.ts';
import { foldedRenderingsOf, renderingsOf, wideRenderingsOf, WIDEST_BYTES } from './renderings.ts';

const SHORT_BYTES = 512;
/** Flags of bytes with which the text that they stand in needs more than a search for plain secrets. */
const ESCAPE = 1;
const LINE_END = 2;
const NUL = 4;
const KINDS = Uint8Array.from({ length: 256 }, (_, byte) => kindOf(byte));

/** What may stand in bytes[0, end): in a long text, all, as each search for its own kind looks faster. */
function kindsIn(bytes: Uint8Array, end: number): number {
  if (end > SHORT_BYTES) return ESCAPE | LINE_END | NUL;
  let kinds = 0;
  for (let at = 0; at < end; at += 1) kinds |= KINDS[bytes[at] as number] as number;
  return kinds;
}

function kindOf(byte: number): number {
  if (startsEscape(byte)) return ESCAPE;
  if (byte === 0x0a) return LINE_END;
  return byte === 0 ? NUL : 0;
}

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
  /** Adds the rest of a secret that began before the bytes did, if at least BLOCK_BYTES of it are there. */
  rests(bytes: Buffer, findings: Findings): void;
  /**
   * Where a secret may have begun that goes on behind `end`; else `end`. `least`: so many characters of it must be here, or
   * BLOCK_BYTES of it. `before` as in `searchBody`.
   */
  pendingFrom(bytes: Uint8Array, end: number, least: number, before: number): number;
}

/** A search for every rendering of some secrets; undefined when there is nothing to look for. */
export function searchFor(secrets: readonly Secret[]): Search | undefined {
  const plain = distinct(secrets.flatMap((secret) => needlesOf(secret, renderingsOf)));
  const folded = distinct(secrets.flatMap((secret) => needlesOf(secret, foldedRenderingsOf)));
  return plain.length === 0 ? undefined : new SecretSearch(secrets, plain, folded);
}

function needlesOf(secret: Secret, render: (secret: Uint8Array) => Buffer[]): CutNeedle[] {
  const raw = secret.revealBytes();
  return render(raw).map((bytes) => ({ bytes, block: Math.ceil((BLOCK_BYTES * bytes.length) / raw.length) }));
}

function distinct(needles: readonly CutNeedle[]): CutNeedle[] {
  return [...new Map(needles.map((needle) => [needle.bytes.toString('latin1'), needle])).values()];
}

/**
 * What text with neither escapes nor lines nor NUL bytes needs is made at once; the rest, which costs more, with the first that
 * has them.
 */
class SecretSearch implements Search {
  readonly shortest: number;
  readonly #secrets: readonly Secret[];
  readonly #needles: readonly CutNeedle[];
  /** Those of the needles between whose bytes a line may end. */
  readonly #folded: readonly CutNeedle[];
  readonly #plain: NeedleSet;
  /** Characters of ASCII have NUL bytes in UTF-16 and UTF-32, so that most bodies need not be searched for secrets with one. */
  readonly #wideHasNul: boolean;
  #rarely: { readonly escaped: EscapedSearch; readonly cut: CutSearch } | undefined;
  #wide: NeedleSet | undefined;

  constructor(secrets: readonly Secret[], plain: readonly CutNeedle[], folded: readonly CutNeedle[]) {
    this.#secrets = secrets;
    this.#folded = folded;
    this.#needles = [...plain, ...folded];
    this.#plain = new NeedleSet(bytesOf(this.#needles));
    this.#wideHasNul = secrets.every((secret) => secret.revealBytes().some((byte) => byte < 0x80));
    this.shortest = Math.min(...this.#plain.needles.map((needle) => needle.length));
  }

  get longestBytes(): number {
    return this.#rest.cut.longestBytes;
  }

  search(bytes: Buffer, end: number, findings: Findings): void {
    this.#searchText(bytes, end, kindsIn(bytes, end), findings);
  }

  searchBody(bytes: Buffer, before: number, findings: Findings): void {
    const kinds = kindsIn(bytes, bytes.length);
    this.#searchText(bytes, bytes.length, kinds, findings);
    if ((kinds & LINE_END) !== 0) this.#rest.escaped.searchLines(bytes, before, findings);
    if (this.#wideHasNul && ((kinds & NUL) === 0 || !bytes.includes(0))) return;
    this.#wide ??= new NeedleSet(bytesOf(this.#wideNeedles()), WIDEST_BYTES);
    this.#wide.search(bytes, bytes.length, findings);
  }

  #searchText(bytes: Buffer, end: number, kinds: number, findings: Findings): void {
    this.#plain.search(bytes, end, findings);
    if ((kinds & ESCAPE) !== 0) this.#rest.escaped.search(bytes, end, findings);
  }

  rests(bytes: Buffer, findings: Findings): void {
    this.#rest.cut.rests(bytes, findings);
  }

  pendingFrom(bytes: Uint8Array, end: number, least: number, before: number): number {
    return this.#rest.cut.pendingFrom(bytes, end, least, before);
  }

  get #rest() {
    return (this.#rarely ??= this.#makeRest());
  }

  #makeRest() {
    const matcher = new ElementMatcher(bytesOf(this.#folded));
    const needles = [...this.#needles, ...this.#wideNeedles()];
    return { escaped: new EscapedSearch(bytesOf(needles), matcher), cut: new CutSearch(needles, matcher) };
  }

  #wideNeedles(): CutNeedle[] {
    return this.#secrets.flatMap((secret) => needlesOf(secret, wideRenderingsOf));
  }
}

function bytesOf(needles: readonly CutNeedle[]): Buffer[] {
  return needles.map(({ bytes }) => bytes);
}
