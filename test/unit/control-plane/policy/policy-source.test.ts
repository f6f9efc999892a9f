import { afterEach, describe, expect, it } from 'vitest';
import { type PolicyChange, PolicySource } from '../../../../control-plane/policy/policy-source.ts';
import { CHANNELS, type Sql, type SqlStore } from '../../../../control-plane/store/sql-store.ts';
import { policySet } from '../../../support/control-plane/policy-set.ts';

/** A store that knows revocations only. */
class RevocationsOnly {
  readonly revoked = new Map<string, string[]>();
  readonly lifted = new Map<string, string[]>();
  readonly handlers: ((payload: string) => void)[] = [];
  readonly gaps: (() => void)[] = [];

  asStore(): SqlStore {
    return {
      engine: 'pglite',
      transaction: async <T>(tenant: string, run: (tx: Sql) => Promise<T>): Promise<T> =>
        run({ query: async <Row>(text: string) => this.#rows(tenant, text) as Row[] }),
      system: () => Promise.reject(new Error('not here')),
      listen: async (channel, handler, onGap) => {
        if (channel === CHANNELS.policy) this.handlers.push(handler);
        if (onGap) this.gaps.push(onGap);
        return async () => undefined;
      },
      connections: () => ({ open: 1, idle: 1, waiting: 0 }),
      close: async () => undefined,
    };
  }

  #rows(tenant: string, text: string): unknown[] {
    const stored = text.includes('lifted_at is null') ? this.revoked : this.lifted;
    const names = stored.get(tenant) ?? [];
    return names.map((name) => ({ id: `${tenant} ${name}`, target: 'policy', name, created_at: new Date(0) }));
  }
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('PolicySource', () => {
  let source: PolicySource | undefined;
  afterEach(() => source?.close());

  const open = async (store: RevocationsOnly): Promise<PolicySource> => {
    source = await PolicySource.open({
      store: store.asStore(),
      load: async (_tx, tenant) => ({ ...policySet({}), tenant }),
      onError: (error) => {
        throw error;
      },
      maxTenants: 3,
    });
    return source;
  };

  it.each(['notification', 'gap'])('a hot tenant among many hears of a revocation by %s', async (how) => {
    const store = new RevocationsOnly();
    const policies = await open(store);
    for (const other of ['a', 'b', 'c', 'd', 'e']) {
      await policies.get('hot');
      await policies.get(other);
    }
    store.revoked.set('hot', ['read']);
    if (how === 'gap') for (const gap of store.gaps) gap();
    else for (const notify of store.handlers) notify('hot');
    await settle();
    expect((await policies.get('hot'))?.revocations.has('policy', 'read')).toBe(true);
  });

  it('tells of a policy that went back, as after a failover to a standby that had not got all, and goes on with it', async () => {
    const store = new RevocationsOnly();
    const errors: unknown[] = [];
    let [version, change] = [3, ''];
    source = await PolicySource.open({
      store: store.asStore(),
      load: async (_tx, tenant) => ({ ...policySet({}), tenant, version, change }),
      onError: (error) => errors.push(String(error)),
    });
    for (const next of ['3 a', '4 b', '2 c', '2 c', '3 d', '3 e', '3 e']) {
      change = next;
      version = Number(next[0]);
      await source.get('acme');
      for (const notify of store.handlers) notify('acme');
      await settle();
      expect((await source.get('acme'))?.policy.source).toMatchObject({ version, change });
    }
    expect(errors).toEqual([
      expect.stringContaining('"acme" went from version 4 back to 2: the database lost'),
      expect.stringContaining('"acme" is another one of the same version 3: the database lost'),
    ]);
  });

  it('never drops a watched tenant, and drops it once nobody watches', async () => {
    const store = new RevocationsOnly();
    const policies = await open(store);
    const changes: PolicyChange[] = [];
    const stop = policies.watch('watched', (change) => changes.push(change));
    await policies.get('watched');
    for (const other of ['a', 'b', 'c', 'd', 'e']) await policies.get(other);
    expect(policies.peek('watched')).toBeDefined();
    store.revoked.set('watched', ['read']);
    for (const notify of store.handlers) notify('watched');
    await settle();
    expect(changes.map(({ tenant, revoked }) => [tenant, revoked[0]?.name])).toEqual([['watched', 'read']]);
    store.revoked.set('watched', []);
    store.lifted.set('watched', ['read']);
    for (const gap of store.gaps) gap();
    await settle();
    expect(changes.at(-1)?.lifted[0]?.name).toBe('read');
    stop();
    stop();
    for (const other of ['a', 'b', 'c', 'd', 'e']) await policies.get(other);
    expect(policies.peek('watched')).toBeUndefined();
  });
});
