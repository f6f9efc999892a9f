import type { AccessPolicySpec } from '../resources/kinds.ts';
import type { ResourceIssue } from '../resources/resource-error.ts';
import { shapeOf } from './rules/compile-rule.ts';
import { compareSpecificity, type Specificity, specificityOf } from './specificity.ts';

/** A way in which a policy covers calls of these methods, or of any. */
interface Way {
  readonly policy: string;
  readonly specificity: Specificity;
  readonly methods: readonly string[] | undefined;
  /** Where it stands. */
  readonly field: string;
}

/** The least specific of the ways in which calls are allowed. */
class Allowances {
  #ofAll: Way | undefined;
  #ofAnyMethod: Way | undefined;
  readonly #byMethod = new Map<string, Way>();

  add(way: Way): void {
    this.#ofAll = lesser(this.#ofAll, way);
    if (way.methods === undefined) this.#ofAnyMethod = lesser(this.#ofAnyMethod, way);
    for (const method of way.methods ?? [])
      this.#byMethod.set(upper(method), lesser(this.#byMethod.get(upper(method)), way));
  }

  /** Of those under which a call with one of these methods may fall. */
  least(methods: Way['methods']): Way | undefined {
    if (methods === undefined) return this.#ofAll;
    return methods.map((method) => this.#byMethod.get(upper(method))).reduce(lesser, this.#ofAnyMethod);
  }
}

/**
 * Rules that deny in vain: whatever allows one of their calls is more specific, and has the last word (docs/policy.md).
 * @param changed policies; of what stands beside none of them nothing is said
 */
export function findOverruled(
  policies: ReadonlyMap<string, AccessPolicySpec>,
  changed: ReadonlySet<string>,
): ResourceIssue[] {
  const concerned = new Set([...changed].map((name) => policies.get(name)?.serverWorkload));
  const all = new Map<string, Allowances>();
  const ofClients = new Map<string, Allowances>();
  const beside = [...policies].filter(([, { serverWorkload }]) => concerned.has(serverWorkload));
  for (const [name, spec] of beside) {
    if (spec.effect !== 'allow') continue;
    const places = [
      [all, spec.serverWorkload],
      [ofClients, keyOf(spec)],
    ] as const;
    for (const [among, key] of places) {
      const allowances = among.get(key) ?? new Allowances();
      among.set(key, allowances);
      for (const way of waysOf(name, spec)) allowances.add(way);
    }
  }
  return beside.flatMap(([name, spec]) => {
    if (spec.effect !== 'deny') return [];
    return waysOf(name, spec).flatMap(({ field, methods, specificity }) => {
      const least = all.get(spec.serverWorkload)?.least(methods);
      // What others alone may do says nothing of a slip.
      const own = spec.clientWorkload === '*' ? least : ofClients.get(keyOf(spec))?.least(methods);
      if (least === undefined || own === undefined || compareSpecificity(least.specificity, specificity) <= 0)
        return [];
      const message = `never has a say: AccessPolicy "${own.policy}", which allows, is more specific; name its client workload, paths and methods here too`;
      return [{ kind: 'AccessPolicy', name, field, message }];
    });
  });
}

function keyOf({ clientWorkload, serverWorkload }: AccessPolicySpec): string {
  return `${serverWorkload} ${clientWorkload}`;
}

/** One for each path pattern of each rule. */
function waysOf(policy: string, spec: AccessPolicySpec): Way[] {
  if (spec.rules === undefined)
    return [{ policy, specificity: specificityOf(spec), methods: undefined, field: 'spec.effect' }];
  return spec.rules.flatMap((rule, at) => {
    const { methods } = rule;
    const wayOf = (pattern: string | undefined, field: string): Way => {
      return { policy, specificity: specificityOf(spec, { ...shapeOf(rule), pattern }), methods, field };
    };
    const field = `spec.rules[${at}]`;
    return rule.paths?.map((path, index) => wayOf(path, `${field}.paths[${index}]`)) ?? [wayOf(undefined, field)];
  });
}

function lesser<One extends Way | undefined>(one: Way | undefined, other: One): Way | One {
  if (one === undefined || other === undefined) return one ?? other;
  return compareSpecificity(other.specificity, one.specificity) < 0 ? other : one;
}

function upper(method: string): string {
  return method.toUpperCase();
}
