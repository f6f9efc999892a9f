import { Secret } from '../../common/secret.ts';
import type { Binding, Grant, Injection } from '../../proto/gen/sidekey/v1/grant.ts';
import { PlaceholderGuard, refusePlaceholders, refusePlaceholdersInTarget } from './injection/placeholder-guard.ts';
import { type BodyTransform, chainTransforms } from './body-transform.ts';
import { InjectionError } from './injection-error.ts';
import { methodGuardFor } from './injection/method-guard.ts';
import {
  type ClientCertificate,
  type Draft,
  type InjectableRequest,
  type Injected,
  type LocalReply,
  type PreparedInjection,
  type RequestSignature,
} from './injection/scheme.ts';
import { prepareInjection } from './injection/schemes.ts';
import { innerBase64 } from './scrubbing/renderings.ts';
import { droppedFieldsWith } from './scrubbing/scrub-headers.ts';

export { refusePlaceholders } from './injection/placeholder-guard.ts';
export { removeAgentCredentials } from './agent-credentials.ts';
export {
  type AgentClaims,
  type ClientCertificate,
  type InjectableRequest,
  type Injected,
  type LocalReply,
  type RequestSignature,
  type SigningMoment,
} from './injection/scheme.ts';
export { InjectionError } from './injection-error.ts';

/** The credentials of one grant, made ready once. */
interface Prepared {
  /** Those that go where the agent put a placeholder. They come first: what is then left of placeholders is refused. */
  readonly substituting: readonly PreparedInjection[];
  readonly setting: readonly PreparedInjection[];
  /** Those that sign what the others made. */
  readonly signing: readonly PreparedInjection[];
  readonly secrets: readonly Secret[];
  readonly droppedFields: ReadonlySet<string>;
  readonly hasSecret: boolean;
}

const PREPARED = new WeakMap<Grant, Prepared>();
const NOTHING: Prepared = {
  substituting: [],
  setting: [],
  signing: [],
  secrets: [],
  droppedFields: droppedFieldsWith([]),
  hasSecret: false,
};

/**
 * Puts the grant's credentials into the request, after checking that the grant was given for exactly this call.
 * Changes `request.headers`; everything else comes back. When it throws, the request must not be sent.
 *
 * @throws InjectionError when the grant, a credential or the request does not fit
 */
export function injectCredential(grant: Grant, request: InjectableRequest): Injected {
  checkBinding(grant.binding, request);
  let prepared = PREPARED.get(grant);
  if (prepared === undefined) {
    prepared = prepareAll(grant.injections);
    PREPARED.set(grant, prepared);
  }
  if (prepared.hasSecret && request.destination.scheme !== 'https' && !request.cleartextAllowed) {
    throw new InjectionError('cleartext-refused', 'a credential may not travel over cleartext');
  }
  return inject(prepared, request);
}

/**
 * The same for a call that gets no credential, on a route or not: no placeholder may leave with it.
 *
 * @throws InjectionError `placeholder-refused`
 */
export function injectNothing(request: InjectableRequest): Injected {
  return inject(NOTHING, request);
}

function inject(prepared: Prepared, request: InjectableRequest): Injected {
  const call = new InjectedCall(request, prepared);
  for (const injection of prepared.substituting) injection.apply(call);
  refusePlaceholders(request.headers);
  refusePlaceholdersInTarget(call.path, call.query);
  for (const injection of prepared.setting) injection.apply(call);
  for (const injection of prepared.signing) injection.apply(call);
  if (request.hasBody) call.guardBody();
  return call;
}

class InjectedCall implements Draft {
  readonly request: InjectableRequest;
  readonly droppedFields: ReadonlySet<string>;
  secrets: readonly Secret[];
  path: string;
  query: string | undefined;
  body: BodyTransform | undefined;
  contentLength: Injected['contentLength'];
  clientCertificate: ClientCertificate | undefined;
  reply: LocalReply | undefined;
  readonly signatures: RequestSignature[] = [];

  constructor(request: InjectableRequest, { secrets, droppedFields }: Prepared) {
    this.request = request;
    this.secrets = secrets;
    this.droppedFields = droppedFields;
    this.path = request.path;
    this.query = request.query;
    this.body = undefined;
    this.contentLength = unchanged;
    this.clientCertificate = undefined;
    this.reply = undefined;
  }

  transformBody(transform: BodyTransform): void {
    this.#append(transform);
    this.contentLength = undefined;
    // They were made of the body as the agent sent it (RFC 9530; RFC 1864).
    this.request.headers.deleteAll(DIGEST_HEADERS);
  }

  #append(transform: BodyTransform): void {
    this.body = chainTransforms(this.body, transform);
  }

  sentInBase64(): void {
    this.secrets = withBase64(this.secrets);
  }

  /** Last, so that it sees what is sent. */
  guardBody(): void {
    const { headers, method } = this.request;
    const methodGuard = methodGuardFor(method, headers);
    if (methodGuard !== undefined) this.#append(methodGuard);
    this.#append(new PlaceholderGuard(headers));
  }
}

const WITH_BASE64 = new WeakMap<readonly Secret[], readonly Secret[]>();

/** These and their renderings in base64: what those are encoded into is then looked for, too. */
function withBase64(secrets: readonly Secret[]): readonly Secret[] {
  let all = WITH_BASE64.get(secrets);
  if (all === undefined) {
    const encoded = secrets.flatMap((secret) =>
      [0, 1, 2].map((at) => innerBase64(Buffer.from(secret.revealBytes()), at)),
    );
    all = [...secrets, ...encoded.map((text) => new Secret(text))];
    WITH_BASE64.set(secrets, all);
  }
  return all;
}

const DIGEST_HEADERS: ReadonlySet<string> = new Set(['content-digest', 'repr-digest', 'digest', 'content-md5']);

function unchanged(declared: number): number {
  return declared;
}

function checkBinding(binding: Binding | undefined, request: InjectableRequest): void {
  const bound = binding?.destination;
  const { destination } = request;
  if (binding === undefined || bound === undefined)
    throw new InjectionError('binding-mismatch', 'the grant is unbound');
  const fits =
    bound.host === destination.host &&
    bound.port === destination.port &&
    bound.scheme === destination.scheme &&
    binding.method === request.method &&
    (binding.path === '' || binding.path === request.path);
  if (!fits) throw new InjectionError('binding-mismatch', 'the grant is for another call');
}

function prepareAll(injections: readonly Injection[]): Prepared {
  if (injections.length === 0) return NOTHING;
  const all = injections.map(prepareInjection);
  return {
    substituting: all.filter((one) => one.takesPlaceholder),
    setting: all.filter((one) => !one.takesPlaceholder && one.signs === undefined),
    signing: all.filter((one) => one.signs === true),
    secrets: all.flatMap((one) => one.secrets),
    droppedFields: droppedFieldsWith(all.flatMap(({ header }) => header ?? [])),
    hasSecret: all.some((one) => one.isSecret),
  };
}
