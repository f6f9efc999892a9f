import { fieldOf, parseForm } from '../../../common/inspection/form.ts';
import { mayStandFor } from '../../../common/inspection/parameter-name.ts';
import { matchGlob } from '../../../common/match/glob.ts';
import { compilePathPattern, type PathPattern } from '../../../common/match/path-pattern.ts';
import { pathReadings, readingsWithoutFormat } from '../../../common/match/path.ts';
import type { Budget } from '../budget.ts';
import type { FactName, RequestFacts } from '../facts.ts';
import { type NameTest, nameTest } from '../rules/fit.ts';
import { SECRET_ENDPOINTS, type SecretEndpointName, secretEndpointNames } from './names.ts';
import type { SecretEndpoint } from './secret-endpoint.ts';

interface Compiled {
  readonly name: SecretEndpointName;
  readonly endpoint: SecretEndpoint;
  readonly paths: readonly PathPattern[] | undefined;
  readonly isAction: NameTest | undefined;
  readonly isTarget: NameTest | undefined;
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
  find(request: RequestFacts, opened: readonly string[], budget: Budget): SecretEndpointName | undefined {
    return this.#entries.find((entry) => !opened.includes(entry.name) && this.#fits(entry, request, budget))?.name;
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
      if (endpoint.parameters) facts.add('query');
      if (endpoint.targets) {
        facts.add('headers').add('query');
        selectors.push('header:x-amz-target');
      }
    }
    return { facts: [...facts], selectors };
  }

  #fits({ endpoint, paths, isAction, isTarget }: Compiled, request: RequestFacts, budget: Budget): boolean {
    const { methods, parameters } = endpoint;
    const isItsHost = endpoint.hosts.some((host) => matchGlob(host, request.host));
    if (endpoint.provider !== this.#provider && !isItsHost) return false;
    if (methods && !methods.includes(request.method.toUpperCase())) return false;
    if (paths && !fitsPath(paths, readingsOf(endpoint, request), budget)) return false;
    if (parameters && !fitsParameter(parameters, request, budget)) return false;
    if (isAction && !fitsAction(isAction, request, budget)) return false;
    return isTarget === undefined || fitsTarget(isTarget, request, { isItsHost, budget });
  }
}

/** Names of the fields that hold fresh secrets in the answers of these entries. */
export function secretFieldsOf(opened: readonly SecretEndpointName[]): string[] {
  return opened.flatMap((name) => SECRET_ENDPOINTS[name].secretFields);
}

const COMPILED: readonly Compiled[] = secretEndpointNames.map((name) => {
  const endpoint = SECRET_ENDPOINTS[name];
  const { paths, actions, targets } = endpoint;
  return {
    name,
    endpoint,
    paths: paths?.map((path) => compilePathPattern(path, 'lenient')),
    isAction: actions && nameTest(actions, true),
    isTarget: targets && nameTest(targets, true),
  };
});

/** A server may read the path more leniently than it should, so every reading counts. */
function readingsOf({ takesFormat }: SecretEndpoint, { path }: RequestFacts): readonly string[] {
  return takesFormat === true ? readingsWithoutFormat(path) : pathReadings(path);
}

function fitsPath(patterns: readonly PathPattern[], readings: readonly string[], budget: Budget): boolean {
  return patterns.some((pattern) => readings.some((reading) => pattern.matches(reading, budget)));
}

function fitsParameter(parameters: readonly string[], { query = '' }: RequestFacts, budget: Budget): boolean {
  budget.left -= query.length;
  try {
    return parseForm(query).some(({ name }) => parameters.some((wanted) => mayStandFor(name, wanted)));
  } catch {
    return true;
  }
}

/** An action that cannot be read is taken as one of those listed. */
function fitsAction(isListed: NameTest, { query = '', inspected }: RequestFacts, budget: Budget): boolean {
  budget.left -= query.length;
  let asked: string | undefined;
  try {
    asked = fieldOf(parseForm(query), 'Action');
  } catch {
    return true;
  }
  const form = inspected?.form;
  if (form === undefined) return true;
  const posted = fieldOf(form, 'Action');
  return (asked !== undefined && isListed(asked, budget)) || (posted !== undefined && isListed(posted, budget));
}

/**
 * Services of AWS take the operation in more places than they document: `Action`, or the path of Smithy's RPC v2. So a call of such
 * a host that names none here is taken as one of those listed, unless it can only read a document.
 */
function fitsTarget(
  isListed: NameTest,
  { headers = [], method, query }: RequestFacts,
  { isItsHost, budget }: { readonly isItsHost: boolean; readonly budget: Budget },
): boolean {
  budget.left -= headers.length;
  const targets = headers.filter(({ name }) => name.toLowerCase() === 'x-amz-target');
  if (targets.length > 0) return targets.some(({ value }) => isListed(value, budget));
  const reads = method === 'GET' || method === 'HEAD';
  return isItsHost && !(reads && (query ?? '') === '');
}

/** Whether some host lies under both the server workload's pattern and the entry's glob. */
function mayCover(pattern: string, glob: string): boolean {
  if (!pattern.startsWith('*.')) return matchGlob(glob, pattern);
  const below = pattern.slice(1);
  const tail = glob.slice(glob.lastIndexOf('*') + 1);
  return glob.endsWith(below) || (glob.includes('*') && below.endsWith(tail));
}
