import { Secret } from '../../common/secret.ts';
import { refuseLongSnapshots } from '../policy/snapshot-size.ts';
import { deleteSecrets, openSecret, type OpenedSecret, putSecret } from '../store/sealed-secrets.ts';
import { type Sealer, SealingError } from '../store/sealing.ts';
import { CHANNELS, notifyFrom, type Sql } from '../store/sql-store.ts';
import { checkSet, type ResourceCheck } from './check-set.ts';
import { diffValues, type FieldChange } from './diff.ts';
import type { CredentialProviderSpec, Kind, Resource, ResourceOf } from './kinds.ts';
import { keyOf, ResourceError, type ResourceIssue } from './resource-error.ts';
import { lockTenant, makePolicySet, readResources, writeResources } from './resource-rows.ts';
import { bindingChanges, bindingOf, bindingText, isBoundSo, type NamedBySecrets } from './secret-binding.ts';
import { secretFields, secretName, secretPrefix, withoutSecrets } from './secret-fields.ts';
import { findSlips } from './slips.ts';
import { refuseTooMany } from './tenant-bounds.ts';
import { boundToOf } from './within-binding.ts';

/** What became of one resource. A changed secret shows as a field without its values. */
export interface Change {
  readonly kind: Kind;
  readonly name: string;
  /** `kept`: pruning passed it over, because its label says so. */
  readonly action: 'created' | 'updated' | 'deleted' | 'unchanged' | 'kept';
  readonly fields: readonly FieldChange[];
}

/** What became of a tenant's resources. */
export interface TenantChanges {
  readonly changes: readonly Change[];
  /** The tenant's policy version; the one it would have, when nothing was kept. */
  readonly policyVersion: number;
  /** What was applied, and is most likely a slip. */
  readonly warnings: readonly ResourceIssue[];
}

interface ResourceName {
  readonly kind: Kind;
  readonly name: string;
}

export interface ApplyRequest {
  readonly tenant: string;
  readonly sealer: Sealer;
  readonly check: ResourceCheck | undefined;
  /** All but tenants. */
  readonly resources: readonly Resource[];
  readonly prune: boolean;
  readonly remove: ResourceName | undefined;
}

/** A resource with this label and the value `never` is not pruned, such as what `sidekey dev` made for itself. */
const PRUNE_LABEL = 'sidekey.dev/prune';

/** Of what is wrong once a resource is gone, what was wrong with it already keeps nobody from deleting it. */
function refuseInUse(after: readonly ResourceIssue[], before: readonly ResourceIssue[]): void {
  const placeOf = ({ kind, name, field }: ResourceIssue): string => `${keyOf(kind, name)} ${field}`;
  const standing = new Set(before.map(placeOf));
  const caused = after.filter((issue) => !standing.has(placeOf(issue)));
  if (caused.length === 0) return;
  const issues = caused.map((issue) => ({ ...issue, message: 'refers to it' }));
  throw new ResourceError('resource-in-use', 'other resources refer to it', issues);
}

/** Applies within the tenant's open transaction; the caller rolls back on a throw. */
export async function applyToTenant(tx: Sql, request: ApplyRequest): Promise<TenantChanges> {
  const { tenant, resources } = request;
  const { version, maxResources } = await lockTenant(tx, tenant);
  const wanted = new Map(resources.map((one) => [keyOf(one.kind, one.metadata.name), one]));
  // What cannot be read any more can still be replaced, and deleted, though there be more of it.
  const isPassedOver = (kind: string, name: string): boolean =>
    request.remove !== undefined || wanted.has(keyOf(kind, name));
  const standing = await readResources(tx, tenant, undefined, isPassedOver);
  const before = new Map(standing.map((one) => [keyOf(one.kind, one.metadata.name), one]));
  const { doomed, kept } = findDoomed(request, before, wanted);
  // Those applied come last, so that it is they who are told of an overlap with what stands.
  const after = new Map([...[...before].filter(([key]) => !wanted.has(key)), ...wanted]);
  for (const { kind, name } of doomed) after.delete(keyOf(kind, name));
  refuseTooMany([...before.values()], [...after.values()], maxResources);

  const found = checkSet([...after.values()], request.check);
  if (request.remove) refuseInUse(found, checkSet([...before.values()], request.check));
  else {
    const issues = [...findDuplicates(resources), ...found, ...findUnbound(tenant, before, after, wanted)];
    if (issues.length > 0) throw new ResourceError('resources-invalid', 'nothing was applied', issues);
  }

  const named = makePolicySet(tenant, version + 1, [...after.values()]);
  if (!request.remove)
    refuseLongSnapshots(makePolicySet(tenant, version, [...before.values()]), named, [...after.values()]);
  const changes: Change[] = [];
  const changed: Resource[] = [];
  for (const resource of resources) {
    const stored = withoutSecrets(resource);
    const change = await applyOne(
      tx,
      request,
      before.get(keyOf(resource.kind, resource.metadata.name)),
      resource,
      stored,
      named,
    );
    changes.push(change);
    if (change.action !== 'unchanged') changed.push(stored);
  }
  await writeResources(tx, tenant, changed, version + 1);
  for (const one of doomed) changes.push(await deleteOne(tx, tenant, one));
  for (const { kind, metadata } of kept) changes.push({ kind, name: metadata.name, action: 'kept', fields: [] });
  if (changes.every(({ action }) => action === 'unchanged' || action === 'kept'))
    return { changes, policyVersion: version, warnings: [] };
  await endSessionsVouchedForBy(
    tx,
    tenant,
    changes.filter(isOtherTrust).map(({ name }) => name),
  );
  await tx.query('update tenants set policy_version = $2 where name = $1', [tenant, version + 1]);
  await notifyFrom(tx, CHANNELS.policy, tenant);
  return { changes, policyVersion: version + 1, warnings: findSlips(named, changed) };
}

/** A trust provider that is gone, or may say something else than when it vouched for sessions. */
function isOtherTrust({ kind, action, fields }: Change): boolean {
  if (kind !== 'TrustProvider') return false;
  return (
    action === 'deleted' ||
    action === 'created' ||
    (action === 'updated' && fields.some(({ path }) => path.startsWith('spec')))
  );
}

/** The session gate ends their calls, as it compares what trust providers say; they stay ended when that is put back. */
async function endSessionsVouchedForBy(tx: Sql, tenant: string, providers: readonly string[]): Promise<void> {
  if (providers.length === 0) return;
  await tx.query(
    'update sessions set ended_at = now() where tenant = $1 and ended_at is null and trust_providers && $2::text[]',
    [tenant, providers],
  );
  await notifyFrom(tx, CHANNELS.sessions, tenant);
}

function findDoomed(
  request: ApplyRequest,
  before: ReadonlyMap<string, Resource>,
  wanted: ReadonlyMap<string, Resource>,
): { doomed: ResourceName[]; kept: Resource[] } {
  if (request.remove) return { doomed: [request.remove], kept: [] };
  if (!request.prune) return { doomed: [], kept: [] };
  const absent = [...before].filter(([key]) => !wanted.has(key)).map(([, resource]) => resource);
  const isKept = ({ metadata }: Resource): boolean => metadata.labels?.[PRUNE_LABEL] === 'never';
  const doomed = absent.filter((resource) => !isKept(resource));
  return { doomed: doomed.map(({ kind, metadata }) => ({ kind, name: metadata.name })), kept: absent.filter(isKept) };
}

/**
 * What secrets that are not given again are bound to and would be no more. A secret stays with what it was given for: who
 * can edit policy but does not know it must not be able to send it elsewhere.
 */
function findUnbound(
  tenant: string,
  before: ReadonlyMap<string, Resource>,
  after: ReadonlyMap<string, Resource>,
  given: ReadonlyMap<string, Resource>,
): ResourceIssue[] {
  const from = makePolicySet(tenant, 0, [...before.values()]);
  const to = makePolicySet(tenant, 0, [...after.values()]);
  return [...to.credentialProviders].flatMap(([name, spec]) => {
    const standing = from.credentialProviders.get(name);
    const isGiven =
      given.has(keyOf('CredentialProvider', name)) && secretFields(spec).every(({ source }) => 'value' in source);
    if (standing === undefined || isGiven || (spec === standing && isUntouched(spec, from, to))) return [];
    return bindingChanges(name, bindingOf(standing, from), bindingOf(spec, to));
  });
}

/** Whether whom its secret is bound to are the same objects: to compare what they say takes far longer. */
function isUntouched(spec: CredentialProviderSpec, from: NamedBySecrets, to: NamedBySecrets): boolean {
  const { trust = [], clientWorkloads = [] } = boundToOf(spec)?.agents ?? {};
  return (
    trust.every((name) => from.trustProviders.get(name) === to.trustProviders.get(name)) &&
    clientWorkloads.every((name) => from.clientWorkloads.get(name) === to.clientWorkloads.get(name))
  );
}

function findDuplicates(resources: readonly Resource[]): ResourceIssue[] {
  const seen = new Set<string>();
  return resources.flatMap((resource) => {
    const { kind } = resource;
    const { name } = resource.metadata;
    if (seen.has(keyOf(kind, name)))
      return [{ kind, name, field: 'metadata.name', message: 'is there more than once' }];
    seen.add(keyOf(kind, name));
    return [];
  });
}

/** Says what becomes of a resource and stores its secrets; `stored` is it without them. */
async function applyOne(
  tx: Sql,
  request: ApplyRequest,
  before: Resource | undefined,
  resource: Resource,
  stored: Resource,
  named: NamedBySecrets,
): Promise<Change> {
  const secrets =
    resource.kind === 'CredentialProvider'
      ? await applySecrets(tx, request, before?.kind === 'CredentialProvider' ? before : undefined, resource, named)
      : [];
  return changeOf(before, stored, secrets);
}

/** What becomes of a resource, both as they are stored; `secrets`: what of them changes. */
export function changeOf(before: Resource | undefined, after: Resource, secrets: readonly FieldChange[] = []): Change {
  const visible = ({ metadata, spec }: Resource): object => ({ metadata, spec });
  const fields = [...diffValues(before && visible(before), visible(after)), ...secrets];
  const action = before === undefined ? 'created' : fields.length === 0 ? 'unchanged' : 'updated';
  return { kind: after.kind, name: after.metadata.name, action, fields: action === 'updated' ? fields : [] };
}

/** Seals the secrets that came as values and checks that those marked `sealed` are there; answers which changed. */
async function applySecrets(
  tx: Sql,
  { tenant, sealer }: ApplyRequest,
  before: ResourceOf<'CredentialProvider'> | undefined,
  resource: ResourceOf<'CredentialProvider'>,
  named: NamedBySecrets,
): Promise<FieldChange[]> {
  const { name: provider } = resource.metadata;
  const refuse = (field: string, message: string): ResourceError =>
    new ResourceError('resources-invalid', 'nothing was applied', [
      { kind: resource.kind, name: provider, field: `spec.${field}`, message },
    ]);
  const binding = bindingOf(resource.spec, named);
  const boundTo = bindingText(binding);
  const changed: FieldChange[] = [];
  const kept = new Set<string>();
  for (const { field, source } of secretFields(resource.spec)) {
    const name = secretName(provider, field);
    kept.add(name);
    const held = await openHeld(tx, sealer, tenant, name);
    if ('value' in source) {
      const isSame = held?.value.equals(source.value) === true;
      if (isSame && held.boundTo === boundTo) continue;
      await putSecret(tx, sealer, tenant, name, { value: new Secret(source.value), boundTo });
      const after = isSame ? '[sealed, bound anew]' : '[sealed, changed]';
      changed.push({ path: `spec.${field}`, before: held ? '[sealed]' : '[none]', after });
    } else if ('sealed' in source) {
      if (held === undefined) throw refuse(field, 'no value is stored that can be used: give one');
      if (!isBoundSo(held.boundTo, binding))
        throw refuse(field, 'the stored value was sealed for something else, or by an older release: give it again');
    } else {
      throw refuse(field, 'only `sidekey apply` reads files, the environment and standard input: send a value');
    }
  }
  if (before) {
    for (const { field } of secretFields(before.spec)) {
      const name = secretName(provider, field);
      if (!kept.has(name)) await deleteSecrets(tx, tenant, name);
    }
  }
  return changed;
}

/** undefined also for one that does not open: it is as good as gone. A missing sealing key is another matter. */
async function openHeld(tx: Sql, sealer: Sealer, tenant: string, name: string): Promise<OpenedSecret | undefined> {
  try {
    return await openSecret(tx, sealer, tenant, name);
  } catch (error) {
    if (error instanceof SealingError && error.code === 'sealed-forged') return undefined;
    throw error;
  }
}

async function deleteOne(tx: Sql, tenant: string, { kind, name }: ResourceName): Promise<Change> {
  const deleted = await tx.query('delete from resources where tenant = $1 and kind = $2 and name = $3 returning name', [
    tenant,
    kind,
    name,
  ]);
  if (deleted.length === 0) throw new ResourceError('resource-unknown', `there is no ${kind} "${name}"`);
  if (kind === 'CredentialProvider') await deleteSecrets(tx, tenant, secretPrefix(name));
  return { kind, name, action: 'deleted', fields: [] };
}
