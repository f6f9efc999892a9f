import type { Resource } from './kinds.ts';
import { ResourceError } from './resource-error.ts';
import { withoutSecrets } from './secret-fields.ts';

interface Measure {
  readonly what: string;
  /** In the mean of the resources that the tenant may have. */
  readonly each: number;
  of(resource: Resource): number;
}

/** With each change all of it is read and checked, and the other tenants wait. */
const MEASURES: readonly Measure[] = [
  { what: 'characters of resources', each: 4_096, of: (one) => JSON.stringify(withoutSecrets(one)).length },
  {
    what: 'hosts of servers, once for each of their ports',
    each: 20,
    of: ({ kind, spec }) => (kind === 'ServerWorkload' ? spec.hosts.length * spec.ports.length : 0),
  },
];
/** A tenant of few resources may have large ones. */
const FEWEST_RESOURCES = 1_000;

/** What is there already can be changed, though it be more. Throws ResourceError `too-many-resources`. */
export function refuseTooMany(before: readonly Resource[], after: readonly Resource[], maxResources: number): void {
  const refuse = (is: string, most: number): ResourceError =>
    new ResourceError(
      'too-many-resources',
      `the tenant would have ${is}, and may have ${most} (Tenant spec.maxResources)`,
    );
  if (after.length > Math.max(maxResources, before.length)) throw refuse(`${after.length} resources`, maxResources);
  for (const { what, each, of } of MEASURES) {
    const sumOf = (resources: readonly Resource[]): number => resources.reduce((sum, one) => sum + of(one), 0);
    const most = Math.max(maxResources, FEWEST_RESOURCES) * each;
    const sum = sumOf(after);
    if (sum > most && sum > sumOf(before)) throw refuse(`${sum} ${what}`, most);
  }
}
