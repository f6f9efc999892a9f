import { DecisionFact, type Route } from '../../proto/gen/sidekey/v1/route.ts';
import type { Question } from '../types.ts';
import { NO_POLICY, type PolicyName } from './policy-name.ts';

/** Which snapshot a route came with: a question is asked with the facts that its route names, and with the name of its policy. */
export class RouteVersions {
  #policies = new WeakMap<Route, PolicyName>();
  #routes: readonly Route[] = [];

  take(routes: readonly Route[], policy: PolicyName): void {
    this.#routes = routes;
    for (const route of routes) this.#policies.set(route, policy);
  }

  /** That of version 0 for a route that no snapshot brought. */
  policyOf(route: Route): PolicyName {
    return this.#policies.get(route) ?? NO_POLICY;
  }

  /**
   * The question as the present snapshot would have it asked; as it is when its route is gone, or wants a fact or a part
   * of one that was not asked for when the question was put. The path and, where one was asked for, all headers are there.
   */
  present(question: Question): Question {
    const { route } = question;
    if (this.#routes.includes(route)) return question;
    const now = this.#routes.find(({ serverWorkload }) => serverWorkload === route.serverWorkload);
    if (now === undefined || !this.#policies.has(route)) return question;
    const isHeld = (fact: DecisionFact): boolean =>
      fact === DecisionFact.DECISION_FACT_PATH || route.decisionFacts.includes(fact);
    const isSame = partsOf(now) === partsOf(route);
    return isSame && now.decisionFacts.every(isHeld) ? { ...question, route: now } : question;
  }
}

/** What was to be read of bodies: a member that nobody asked for would look like one that is not there. */
function partsOf({ selectors }: Route): string {
  return selectors.filter((selector) => !selector.startsWith('header:')).join('\n');
}
