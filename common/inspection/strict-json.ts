import { foldCase } from '../match/fold-case.ts';
import { isUtf8 } from 'node:buffer';
import { Unreadable } from './unreadable.ts';

const MAX_DEPTH = 100;
const LONE_SURROGATE = /\p{Surrogate}/u;
const [QUOTE, BACKSLASH, COMMA, OPEN_OBJECT, CLOSE_OBJECT, OPEN_LIST, CLOSE_LIST] = [
  0x22, 0x5c, 0x2c, 0x7b, 0x7d, 0x5b, 0x5d,
];

/** One open object or list; a list has no keys. */
interface Level {
  readonly keys: Set<string> | undefined;
  expectsKey: boolean;
}

/**
 * JSON that every parser reads alike (RFC 8259, I-JSON RFC 7493): UTF-8 without a byte order mark, no two keys of one object
 * that are the same or differ in case alone (Go reads `Name` as `name`), no lone surrogates, no number beyond a double,
 * bounded depth. What it accepts, it reads as `JSON.parse` does.
 *
 * @throws Unreadable
 */
export function parseStrictJson(bytes: Buffer): unknown {
  if (!isUtf8(bytes)) throw new Unreadable('it is not UTF-8');
  const text = bytes.toString('utf8');
  assertUnambiguous(text);
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new Unreadable('it is not JSON');
  }
}

/** An object as JSON.parse makes it, not a list. */
export function isJsonObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The member of this very name; inherited properties are none. */
export function memberOf(value: unknown, name: string): unknown {
  return isJsonObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
}

/**
 * As `memberOf`, where no other member may be taken for it: some parsers read names without case (Go, .NET), so that one which
 * differs in case alone is no other.
 *
 * @throws Unreadable
 */
export function soleMember(value: unknown, name: string): unknown {
  if (!isJsonObject(value) || Object.hasOwn(value, name)) return memberOf(value, name);
  if (foldedKeys(value).has(foldCase(name))) throw otherCase();
  return undefined;
}

export function foldedKeys(value: Readonly<Record<string, unknown>>): Set<string> {
  return new Set(Object.keys(value).map(foldCase));
}

export function otherCase(): Unreadable {
  return new Unreadable('it has a name that differs from the one that policy reads in case alone');
}

/** Runs before JSON.parse, over text that may not be JSON at all: then its findings do not matter. */
function assertUnambiguous(text: string): void {
  const levels: Level[] = [];
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    const level = levels.at(-1);
    if (code === QUOTE) {
      const end = endOfString(text, at);
      const value = stringValue(text.slice(at, end + 1));
      if (level?.expectsKey === true) {
        level.expectsKey = false;
        addKey(level.keys, value);
      }
      at = end;
    } else if (code === OPEN_OBJECT || code === OPEN_LIST) {
      const isObject = code === OPEN_OBJECT;
      if (levels.push({ keys: isObject ? new Set() : undefined, expectsKey: isObject }) > MAX_DEPTH) {
        throw new Unreadable('it is nested too deeply');
      }
    } else if (code === CLOSE_OBJECT || code === CLOSE_LIST) levels.pop();
    else if (code === COMMA && level !== undefined) level.expectsKey = level.keys !== undefined;
    else if (code === 0x2d || (code >= 0x30 && code <= 0x39)) at = endOfNumber(text, at) - 1;
  }
}

/** Index of the closing quote, or the text's end. */
function endOfString(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) return at;
    if (code === BACKSLASH) at += 1;
  }
  return text.length;
}

function stringValue(token: string): string {
  if (!token.includes('\\')) return token.slice(1, -1);
  let value: unknown;
  try {
    value = JSON.parse(token);
  } catch {
    throw new Unreadable('it is not JSON');
  }
  const unescaped = String(value);
  if (LONE_SURROGATE.test(unescaped)) throw new Unreadable('it holds half a character');
  return unescaped;
}

function addKey(keys: Set<string> | undefined, key: string): void {
  const folded = foldCase(key);
  if (keys?.has(folded) === true) throw new Unreadable('it has a key twice in one object');
  keys?.add(folded);
}

function endOfNumber(text: string, start: number): number {
  let end = start + 1;
  while (end < text.length && /[-+.0-9eE]/.test(text.charAt(end))) end += 1;
  if (Math.abs(Number(text.slice(start, end))) === Number.POSITIVE_INFINITY)
    throw new Unreadable('it holds a number beyond all');
  return end;
}
