import { SidekeyError } from '../errors.ts';
import { foldCase } from './fold-case.ts';
import { ALL_PATHS, canonicalPath, withoutLastSlash } from './path.ts';
import { captureVariables, type PathVariables, takeVariables } from './path-variables.ts';
import type { Steps } from './steps.ts';

/** A path pattern in a policy that cannot be read. */
export class PathPatternError extends SidekeyError {
  constructor(message: string) {
    super('path-pattern-invalid', message);
  }
}

/** Tests canonical paths. */
export interface PathPattern {
  matches(path: string, steps?: Steps): boolean;
  /** The values of the pattern's `{name}` segments, percent-decoded; undefined when it does not match. */
  capture(path: string, steps?: Steps): Readonly<Record<string, string>> | undefined;
}

const MAX_PATTERN_LENGTH = 1024;
const MAX_WILDCARDS = 16;

/** `lenient` is for what denies: without case, and without a slash at the pattern's end (see `pathReadings`). */
export type PathReading = 'exact' | 'lenient';

/**
 * Compiles a path pattern: `*` is any part of one segment (within a segment or the whole of it, never empty when it is
 * the whole), `**` as a whole segment is any number of segments, also none. `/v1/**` covers `/v1` and all below it.
 * Characters that servers may decode (`:` and `%3A`) are taken as the same on both sides, so that a deny rule cannot be
 * passed by a spelling. An encoded slash is a byte of its segment: `*` covers it. `{name}` as a whole segment is `*` and keeps
 * what stands there. Throws PathPatternError.
 */
export function compilePathPattern(glob: string, reading: PathReading = 'exact'): PathPattern {
  if (glob.length > MAX_PATTERN_LENGTH) throw new PathPatternError('the path pattern is too long');
  if ((glob.match(/\*+/g)?.length ?? 0) > MAX_WILDCARDS) throw new PathPatternError('the path pattern has too many *');
  const { plain, variables } = readVariables(reading === 'exact' ? glob : withoutLastSlash(glob));
  const segmentsOf = reading === 'exact' ? exactSegments : lenientSegments;
  const segments = segmentsOf(checkedPath(plain));
  const matches = (path: string, steps: Steps = { left: Number.POSITIVE_INFINITY }): boolean => {
    if (steps.left <= 0) return false;
    steps.left -= path.length;
    return matchSegments(segments, segmentsOf(path), steps);
  };
  return {
    matches,
    capture: (path, steps) => (matches(path, steps) ? captureVariables(variables, path) : undefined),
  };
}

function readVariables(glob: string): { readonly plain: string; readonly variables: PathVariables } {
  try {
    const { plain, variables } = takeVariables(glob.split('/'));
    return { plain: plain.join('/'), variables };
  } catch (error) {
    throw new PathPatternError((error as Error).message);
  }
}

function checkedPath(glob: string): string {
  for (const segment of glob.split('/')) {
    if (segment.includes('**') && segment !== '**') throw new PathPatternError('** must be a whole segment');
  }
  try {
    return canonicalPath(glob, ALL_PATHS);
  } catch (error) {
    throw new PathPatternError(`no path can match ${JSON.stringify(glob)}: ${(error as Error).message}`);
  }
}

function exactSegments(path: string): string[] {
  return looseForm(path).split('/');
}

function lenientSegments(path: string): string[] {
  const text = looseForm(path).replaceAll(/(?:%[89A-F][0-9A-F])+/g, decodeURIComponent);
  return foldCase(text).split('/');
}

/** Decodes the reserved characters that a path may also hold raw (RFC 3986 `pchar`), for comparing only. */
function looseForm(path: string): string {
  if (!path.includes('%')) return path;
  return path.replaceAll(/%(2[14-9BC]|3[ABD]|40)/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 16)),
  );
}

/** At worst pattern times path in time: on a mismatch only the last `**` is tried again, one segment further on. */
function matchSegments(pattern: readonly string[], path: readonly string[], steps: Steps): boolean {
  let at = 0;
  let pathAt = 0;
  let restart: { at: number; pathAt: number } | undefined;
  while (pathAt < path.length) {
    if (steps.left <= 0) return false;
    const segment = path[pathAt] ?? '';
    steps.left -= 1 + segment.length;
    const part = pattern[at];
    if (part === '**') {
      at += 1;
      restart = { at, pathAt };
    } else if (part !== undefined && matchSegment(part, segment)) {
      at += 1;
      pathAt += 1;
    } else if (restart !== undefined) {
      restart = { at: restart.at, pathAt: restart.pathAt + 1 };
      ({ at, pathAt } = restart);
    } else return false;
  }
  while (pattern[at] === '**') at += 1;
  return at === pattern.length;
}

function matchSegment(pattern: string, segment: string): boolean {
  if (!pattern.includes('*')) return pattern === segment;
  if (pattern === '*') return segment !== '';
  const pieces = pattern.split('*');
  const first = pieces[0] ?? '';
  const last = pieces.at(-1) ?? '';
  if (!segment.startsWith(first) || !segment.endsWith(last)) return false;
  let from = first.length;
  for (const piece of pieces.slice(1, -1)) {
    const found = segment.indexOf(piece, from);
    if (found < 0) return false;
    from = found + piece.length;
  }
  return from <= segment.length - last.length;
}
