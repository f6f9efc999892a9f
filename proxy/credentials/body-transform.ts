/** Changes a body on its way. What it returns may be parts of what it was given, or buffers of its own. */
export interface BodyTransform {
  /** @throws InjectionError when the body cannot be read for what goes into it */
  push(bytes: Buffer): Buffer[];
  /** The last bytes. @throws InjectionError when the body ended too early, or had no place for what goes into it */
  end(): Buffer[];
  /** `json:/pointer` and `form:name` of what the agent had put where a credential goes; for the record. */
  readonly removed: readonly string[];
}

/** Through the first, where there is one, then through the second. */
export function chainTransforms(first: BodyTransform | undefined, second: BodyTransform): BodyTransform {
  if (first === undefined) return second;
  return {
    get removed() {
      return [...first.removed, ...second.removed];
    },
    push: (bytes) => first.push(bytes).flatMap((piece) => second.push(piece)),
    end: () => [...first.end().flatMap((piece) => second.push(piece)), ...second.end()],
  };
}
