/** Two letters swapped are two edits. */
const MAX_EDITS = 2;

/** Those of `names` that a person may have meant by `name`, the nearest first. */
export function findNear(name: string, names: readonly string[]): string[] {
  return names
    .filter(({ length }) => Math.abs(length - name.length) <= MAX_EDITS)
    .map((meant) => ({ meant, edits: countEdits(name, meant) }))
    .filter(({ edits }) => edits <= MAX_EDITS)
    .sort((a, b) => a.edits - b.edits)
    .map(({ meant }) => meant);
}

/** Levenshtein's distance: letters put in, left out or replaced. */
function countEdits(from: string, to: string): number {
  let above = Array.from({ length: to.length + 1 }, (_, at) => at);
  for (const [row, letter] of [...from].entries()) {
    const current = [row + 1];
    for (let at = 1; at <= to.length; at += 1) {
      const replaced = (above[at - 1] ?? 0) + (to[at - 1] === letter ? 0 : 1);
      current.push(Math.min(replaced, (above[at] ?? 0) + 1, (current[at - 1] ?? 0) + 1));
    }
    above = current;
  }
  return above[to.length] ?? 0;
}
