/** One thing that was looked at on the way to a decision, for `sidekey explain`. */
export interface Step {
  readonly check:
    | 'revocation'
    | 'server-workload'
    | 'client-workload'
    | 'policy'
    | 'rule'
    | 'trust'
    | 'condition'
    | 'rule-pack'
    | 'binding'
    | 'decision';
  /** Name of the resource that was looked at. */
  readonly name: string;
  readonly outcome: 'pass' | 'fail' | 'skip';
  readonly detail: string;
}

/** Notes what spoke for the call. */
export function pass(steps: Step[], check: Step['check'], name: string, detail: string): void {
  steps.push({ check, name, outcome: 'pass', detail });
}

/** Notes what spoke against it. */
export function fail(steps: Step[], check: Step['check'], name: string, detail: string): void {
  steps.push({ check, name, outcome: 'fail', detail });
}
