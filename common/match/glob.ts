import type { Steps } from './steps.ts';

/**
 * Whether a glob covers a whole text, for claims: `*` is any run of characters, also none and also with slashes; `?` is
 * one character; everything else is itself. Linear in space and at worst pattern times text in time.
 */
export function matchGlob(pattern: string, text: string, steps: Steps = { left: Number.POSITIVE_INFINITY }): boolean {
  let at = 0;
  let textAt = 0;
  let restart: { at: number; textAt: number } | undefined;
  while (textAt < text.length) {
    if (steps.left <= 0) return false;
    steps.left -= 1;
    const character = pattern[at];
    if (character === '*') {
      at += 1;
      restart = { at, textAt };
    } else if (character === '?' || character === text[textAt]) {
      at += 1;
      textAt += 1;
    } else if (restart !== undefined) {
      restart = { at: restart.at, textAt: restart.textAt + 1 };
      ({ at, textAt } = restart);
    } else return false;
  }
  while (pattern[at] === '*') at += 1;
  return at === pattern.length;
}
