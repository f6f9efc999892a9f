/**
 * Levels of lists and objects that a resource may have. Readers of what is nested far deeper run out of stack, where V8 may end
 * the process instead of throwing (a regular expression that it compiles there).
 */
export const MAX_LEVELS = 64;

/** Whether lists and objects within this value have more levels. Needs no stack; what holds itself has endless ones. */
export function isDeeper(value: unknown, levels: number): boolean {
  let level = new Set([value]);
  for (let depth = 0; depth <= levels; depth += 1) {
    const below = new Set<unknown>();
    for (const one of level) {
      if (typeof one !== 'object' || one === null) continue;
      for (const member of Object.values(one)) if (typeof member === 'object' && member !== null) below.add(member);
    }
    if (below.size === 0) return false;
    level = below;
  }
  return true;
}
