/** An error nobody foresaw, as the log may have it: where it was thrown, without its message, which may quote a secret. */
export interface Fault {
  readonly name: string;
  /** Stack frames, innermost first; at most 8. */
  readonly at: readonly string[];
}

const MAX_FRAMES = 8;

export function faultOf(error: unknown): Fault {
  if (!(error instanceof Error)) return { name: typeof error, at: [] };
  const lines = (error.stack ?? '').split('\n').map((line) => line.trim());
  const frames = lines.filter((line) => /^at .+:\d+:\d+\)?$/.test(line));
  return { name: error.constructor.name, at: frames.slice(0, MAX_FRAMES) };
}
