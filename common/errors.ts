/** An error with a stable code. Text that came from outside never goes into `code`. */
export class SidekeyError extends Error {
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
  }
}

/** Configuration or input given by a person is wrong; the message says where and what to do. */
export class UsageError extends SidekeyError {}

/** An address or a socket cannot be listened on; `where` is what was asked for. */
export function listenFailed(where: string, cause: unknown): UsageError {
  return new UsageError('listen-failed', `cannot listen on ${where}`, { cause });
}

/** Any thrown value as one line of text, causes included, without stacks. */
export function describeError(error: unknown): string {
  const parts: string[] = [];
  for (let at: unknown = error; at !== undefined && parts.length < 5; at = at instanceof Error ? at.cause : undefined) {
    parts.push(at instanceof Error ? at.message || at.name : String(at));
  }
  return parts.join(': ').replaceAll(/[\r\n\0]+/g, ' ');
}
