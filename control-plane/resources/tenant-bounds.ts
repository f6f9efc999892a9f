import type { Resource } from './kinds.ts';
import { keyOf, ResourceError } from './resource-error.ts';
import { withoutSecrets } from './secret-fields.ts';
import { boundToOf } from './within-binding.ts';

interface Measure {
  readonly what: string;
  /** In the mean of the resources that the tenant may have. */
  readonly each: number;
  of(resource: Resource, all: ReadonlyMap<string, Resource>): number;
}

/** With each change all of it is read and checked, and the other tenants wait. */
const MEASURES: readonly Measure[] = [
  { what: 'characters of resources', each: 4_096, of: lengthOf },
  {
    what: 'hosts of servers, once for each of their ports',
    each: 20,
    of: ({ kind, spec }) => (kind === 'ServerWorkload' ? spec.hosts.length * spec.ports.length : 0),
  },
  { what: 'characters of those whom secrets are bound to, once for each secret', each: 4_096, of: boundLength },
];
/** A tenant of few resources may have large ones. */
const FEWEST_RESOURCES = 1_000;
const NOBODY = { trust: [], clientWorkloads: [] };

/** Of what stands, for the set before a change and the one after. */
const lengths = new WeakMap<Resource, number>();

/** Characters of a resource; none where there is none. */
export function lengthOf(resource: Resource | undefined): number {
  if (resource === undefined) return 0;
  const known = lengths.get(resource);
  if (known !== undefined) return known;
  const length = JSON.stringify(withoutSecrets(resource)).length;
  lengths.set(resource, length);
  return length;
}

/** All of that is sealed with the secret, and compared. */
function boundLength({ kind, spec }: Resource, all: ReadonlyMap<string, Resource>): number {
  const { trust, clientWorkloads } = (kind === 'CredentialProvider' ? boundToOf(spec)?.agents : undefined) ?? NOBODY;
  const keys = [
    ...trust.map((name) => keyOf('TrustProvider', name)),
    ...clientWorkloads.map((name) => keyOf('ClientWorkload', name)),
  ];
  return keys.reduce((sum, key) => sum + lengthOf(all.get(key)), 0);
}

/** What is there already can be changed, though it be more. Throws ResourceError `too-many-resources`. */
export function refuseTooMany(before: readonly Resource[], after: readonly Resource[], maxResources: number): void {
  const refuse = (is: string, most: number): ResourceError =>
    new ResourceError(
      'too-many-resources',
      `the tenant would have ${is}, and may have ${most} (Tenant spec.maxResources)`,
    );
  if (after.length > Math.max(maxResources, before.length)) throw refuse(`${after.length} resources`, maxResources);
  for (const { what, each, of } of MEASURES) {
    const sumOf = (resources: readonly Resource[]): number => {
      const all = new Map(resources.map((one) => [keyOf(one.kind, one.metadata.name), one]));
      return resources.reduce((sum, one) => sum + of(one, all), 0);
    };
    const most = Math.max(maxResources, FEWEST_RESOURCES) * each;
    const sum = sumOf(after);
    if (sum > most && sum > sumOf(before)) throw refuse(`${sum} ${what}`, most);
  }
}
