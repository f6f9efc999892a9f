/** Where the variables of a path pattern stand, as segments from the path's start, or from its end when negative: behind `**`, or without one. */
export type PathVariables = ReadonlyMap<string, number>;

const VARIABLE = /^\{([a-z][A-Za-z0-9]{0,31})\}$/;

/**
 * Takes the `{name}` segments of a pattern: each becomes `*`. A variable stands before the first `**` or after the last, so
 * that its place is known. Throws Error.
 */
export function takeVariables(segments: readonly string[]): {
  readonly plain: string[];
  readonly variables: PathVariables;
} {
  const variables = new Map<string, number>();
  const [first, last] = [segments.indexOf('**'), segments.lastIndexOf('**')];
  const plain = segments.map((segment, index) => {
    if (!/[{}]/.test(segment)) return segment;
    const name = VARIABLE.exec(segment)?.[1];
    if (name === undefined) throw new Error('a variable is {name}, as a whole segment, of letters and digits');
    if (variables.has(name)) throw new Error(`the variable ${name} stands twice`);
    if (index > first && index < last) throw new Error('a variable cannot stand between two **');
    variables.set(name, index > first ? index - segments.length : index);
    return '*';
  });
  return { plain, variables };
}

/** Values of the variables in a canonical path that the pattern matched, percent-decoded. */
export function captureVariables(variables: PathVariables, path: string): Readonly<Record<string, string>> {
  const segments = path.split('/');
  return Object.fromEntries(
    [...variables].map(([name, place]) => [name, decodeURIComponent(segments.at(place) ?? '')]),
  );
}
