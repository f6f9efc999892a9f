/** A connection from an agent, of whatever version of HTTP, as listener and sweeper see it. */
export interface AgentSession {
  /** Milliseconds since the epoch; passed means `expire`. */
  readonly deadlineAt: number;
  expire(): void;
  /** Takes no new calls; closes now when idle, else after the present answers. */
  drain(): void;
  destroy(): void;
}
