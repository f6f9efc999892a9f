import { fieldOf, parseForm } from '../../../common/inspection/form.ts';
import { matchGlob } from '../../../common/match/glob.ts';
import { compilePathPattern, type PathPattern } from '../../../common/match/path-pattern.ts';
import { pathReadings } from '../../../common/match/path.ts';
import type { FactName, RequestFacts } from '../facts.ts';
import { SECRET_ENDPOINTS, type SecretEndpointName, secretEndpointNames } from './names.ts';
import type { SecretEndpoint } from './secret-endpoint.ts';

interface Compiled {
  readonly name: SecretEndpointName;
  readonly endpoint: SecretEndpoint;
  readonly paths: readonly PathPattern[] | undefined;
}

/** The entries that may concern a server workload; made once for each version of policy. */
export class SecretEndpointSet {
  readonly #entries: readonly Compiled[];
  readonly #provider: string | undefined;

  constructor(server: { readonly hosts: readonly string[]; readonly provider?: string | undefined }) {
    this.#provider = server.provider;
    this.#entries = COMPILED.filter(
      ({ endpoint }) =>
        endpoint.provider === server.provider ||
        endpoint.hosts.some((host) => server.hosts.some((pattern) => mayCover(pattern, host))),
    );
  }

  /** The entry that the call falls under, unless it is opened. */
  find(request: RequestFacts, opened: readonly string[]): SecretEndpointName | undefined {
    return this.#entries.find((entry) => !opened.includes(entry.name) && this.#fits(entry, request))?.name;
  }

  /** Facts that `find` reads, and the parts of the large ones. */
  reads(opened: readonly string[]): { readonly facts: FactName[]; readonly selectors: string[] } {
    const entries = this.#entries.filter(({ name }) => !opened.includes(name));
    const facts = new Set<FactName>();
    const selectors: string[] = [];
    for (const { endpoint } of entries) {
      if (endpoint.paths) facts.add('path');
      if (endpoint.actions) {
        facts.add('query').add('form');
        selectors.push('form:/Action');
      }
      if (endpoint.targets) {
        facts.add('headers');
        selectors.push('header:x-amz-target');
      }
    }
    return { facts: [...facts], selectors };
  }

  #fits({ endpoint, paths }: Compiled, request: RequestFacts): boolean {
    const { hosts, methods, actions, targets } = endpoint;
    if (endpoint.provider !== this.#provider && !hosts.some((host) => matchGlob(host, request.host))) return false;
    if (methods && !methods.includes(request.method)) return false;
    if (paths && !fitsPath(paths, request.path)) return false;
    if (actions && !fitsAction(actions, request)) return false;
    return targets === undefined || fitsTarget(targets, request);
  }
}

/** Names of the fields that hold fresh secrets in the answers of these entries. */
export function secretFieldsOf(opened: readonly SecretEndpointName[]): string[] {
  return opened.flatMap((name) => SECRET_ENDPOINTS[name].secretFields);
}

const COMPILED: readonly Compiled[] = secretEndpointNames.map((name) => {
  const endpoint = SECRET_ENDPOINTS[name];
  return { name, endpoint, paths: endpoint.paths?.map((path) => compilePathPattern(path)) };
});

/** A server may read the path more leniently than it should, so every reading counts. */
function fitsPath(patterns: readonly PathPattern[], path: string): boolean {
  const readings = pathReadings(path);
  return patterns.some((pattern) => readings.some((reading) => pattern.matches(reading)));
}

/** An action that cannot be read is taken as one of those listed. */
function fitsAction(actions: readonly string[], { query, inspected }: RequestFacts): boolean {
  const isListed = (action: string): boolean => actions.some((glob) => matchGlob(glob, action));
  let asked: string | undefined;
  try {
    asked = fieldOf(parseForm(query ?? ''), 'Action');
  } catch {
    return true;
  }
  const form = inspected?.form;
  if (form === undefined) return true;
  const posted = fieldOf(form, 'Action');
  return (asked !== undefined && isListed(asked)) || (posted !== undefined && isListed(posted));
}

function fitsTarget(targets: readonly string[], { headers }: RequestFacts): boolean {
  const sent = (headers ?? []).filter(({ name }) => name.toLowerCase() === 'x-amz-target');
  return sent.some(({ value }) => targets.some((glob) => matchGlob(glob, value.trim())));
}

/** Whether some host lies under both the server workload's pattern and the entry's glob. */
function mayCover(pattern: string, glob: string): boolean {
  if (!pattern.startsWith('*.')) return matchGlob(glob, pattern);
  const below = pattern.slice(1);
  const tail = glob.slice(glob.lastIndexOf('*') + 1);
  return glob.endsWith(below) || (glob.includes('*') && below.endsWith(tail));
}
