import { Route } from '../../proto/gen/sidekey/v1/route.ts';
import { MAX_MESSAGE_BYTES } from '../../proto/limits.ts';
import type { PolicySet, Resource } from '../resources/kinds.ts';
import { ResourceError } from '../resources/resource-error.ts';
import { lengthOf } from '../resources/tenant-bounds.ts';
import { type CompiledPolicySet, type CompiledServerWorkload, compilePolicySet } from './compile.ts';
import { routesOf } from './routes.ts';

/** Of a snapshot; what is left is for revocations. */
const MAX_ROUTE_BYTES = (MAX_MESSAGE_BYTES / 4) * 3;

/** As long as a real one. */
const PLACEHOLDER = 'sk_placeholder_'.padEnd(58);

/** The routes of a session that is one workload. */
interface Routes {
  readonly bytes: number;
  readonly largest: { readonly server: string; readonly bytes: number };
}

/**
 * No proxy could follow a policy whose routes are longer than what it takes. Those that are too long already may be changed, if
 * that makes them no longer. A session that is several workloads at once has the routes of all of them: its watch is refused.
 * Throws ResourceError `too-many-resources`.
 */
export function refuseLongSnapshots(before: PolicySet, after: PolicySet, resources: readonly Resource[]): void {
  // To make the routes takes as long as all other checks.
  if (mostBytes(resources) <= MAX_ROUTE_BYTES) return;
  const long = [...routesByWorkload(after)].filter(([, { bytes }]) => bytes > MAX_ROUTE_BYTES);
  if (long.length === 0) return;
  const standing = routesByWorkload(before);
  for (const [workload, { bytes, largest }] of long) {
    if (bytes <= (standing.get(workload)?.bytes ?? 0)) continue;
    throw new ResourceError(
      'too-many-resources',
      `proxies of ClientWorkload "${workload}" would be sent ${bytes} bytes of routes, and take ${MAX_ROUTE_BYTES}; the longest, with ${largest.bytes}, is to ServerWorkload "${largest.server}"`,
    );
  }
}

/** No less than what all routes have together. */
function mostBytes(resources: readonly Resource[]): number {
  const named = new Map<string, number>();
  for (const one of resources) {
    const { kind, metadata, spec } = one;
    if (kind === 'AccessCondition') named.set(`condition ${metadata.name}`, lengthOf(one));
    if (kind === 'CredentialProvider') named.set(`provider ${metadata.name}`, spec.replaces.join('   ').length);
  }
  const lengthOfNamed = (kind: string, names: readonly string[]): number =>
    names.reduce((sum, name) => sum + (named.get(`${kind} ${name}`) ?? 0), 0);
  return resources.reduce((sum, one) => {
    const { kind, spec } = one;
    if (kind === 'ServerWorkload') return sum + lengthOf(one) + authorityBytes(spec.hosts);
    if (kind !== 'AccessPolicy') return sum;
    const providers = spec.credentials.map(({ provider }) => provider);
    return sum + lengthOf(one) + lengthOfNamed('condition', spec.conditions) + lengthOfNamed('provider', providers);
  }, 0);
}

/** Of each client workload, by its name. */
function routesByWorkload(source: PolicySet): ReadonlyMap<string, Routes> {
  const set = compilePolicySet(source);
  const common: Routes[] = [];
  const own = new Map<string, Routes[]>([...source.clientWorkloads.keys()].map((name) => [name, []]));
  for (const server of set.servers) {
    const named = new Set(server.policies.map(({ spec }) => spec.clientWorkload));
    const ofAll = named.has('*') ? bytesOf(set, server, '*') : 0;
    common.push({ bytes: ofAll, largest: { server: server.name, bytes: ofAll } });
    for (const workload of named) {
      const bytes = bytesOf(set, server, workload);
      own.get(workload)?.push({ bytes: bytes - ofAll, largest: { server: server.name, bytes } });
    }
  }
  const ofAll = sumOf(common);
  return new Map([...own].map(([workload, routes]) => [workload, sumOf([ofAll, ...routes])]));
}

function sumOf(routes: readonly Routes[]): Routes {
  const none = { bytes: 0, largest: { server: '', bytes: 0 } };
  return routes.reduce(
    (sum, { bytes, largest }) => ({
      bytes: sum.bytes + bytes,
      largest: largest.bytes > sum.largest.bytes ? largest : sum.largest,
    }),
    none,
  );
}

function bytesOf(set: CompiledPolicySet, server: CompiledServerWorkload, workload: string): number {
  const routes = routesOf({ ...set, servers: [server] }, { workloads: [workload] }, () => PLACEHOLDER);
  const bytes = routes.reduce((sum, route) => sum + Route.encode(route).finish().length, 0);
  return bytes + authorityBytes(server.spec.hosts);
}

/** An issued certificate authority names the hosts again, in its certificate and beside it, with some bytes each. */
function authorityBytes(hosts: readonly string[]): number {
  return hosts.reduce((sum, host) => sum + 2 * (host.length + 4), 0);
}
