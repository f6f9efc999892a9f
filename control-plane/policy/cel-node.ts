/** A node of a parsed expression, as far as its readers here need to know. */
export interface CelNode {
  readonly op: string;
  readonly args: unknown;
}

export function isCelNode(value: unknown): value is CelNode {
  return typeof value === 'object' && value !== null && 'op' in value && 'args' in value;
}
