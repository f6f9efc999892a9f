import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { authorize, type AuthorizeOptions } from '../../../../../control-plane/api/grpc/authorize.ts';
import { QuestionTurns } from '../../../../../control-plane/api/grpc/question-turns.ts';
import { Refusal } from '../../../../../control-plane/api/grpc/refusal.ts';
import type { LiveSession } from '../../../../../control-plane/api/grpc/session-gate.ts';
import { CredentialError } from '../../../../../control-plane/credentials/credential-minter.ts';
import { compilePolicySet } from '../../../../../control-plane/policy/compile.ts';
import type { SessionFacts } from '../../../../../control-plane/policy/facts.ts';
import type { TenantPolicy } from '../../../../../control-plane/policy/policy-source.ts';
import { RevocationSet } from '../../../../../control-plane/policy/revocations.ts';
import { StoreUnavailable } from '../../../../../control-plane/store/sql-store.ts';
import { Secret } from '../../../../../common/secret.ts';
import type { AuthorizeRequest } from '../../../../../proto/gen/sidekey/v1/proxy.ts';
import { InspectedFacts } from '../../../../../proto/gen/sidekey/v1/route.ts';
import { reasonFromNumber } from '../../../../../proto/reasons.ts';
import { policySet, SESSION } from '../../../../support/control-plane/policy-set.ts';

const NOW = Date.UTC(2026, 10, 23);
const to = { clientWorkload: 'billing-agent', serverWorkload: 'api' };
const bearer = (provider: string) => [{ provider, inject: { type: 'bearer' } }];
const key = { type: 'static', secret: { value: 'x' } };

const stateOf = (policies: Record<string, object>, revocations = new RevocationSet([])): TenantPolicy => ({
  policy: compilePolicySet({
    ...policySet({
      ServerWorkload: { api: { hosts: ['api.example.com'] } },
      CredentialProvider: { key, other: key },
      AccessPolicy: policies,
    }),
    version: 7,
  }),
  revocations,
});
const HTTP = { method: 'GET', path: '/v1/items', query: '', headers: [], inspected: undefined };
const DESTINATION = { scheme: 'https', host: 'api.example.com', port: 443 };

interface Asked {
  readonly states: readonly (TenantPolicy | undefined)[];
  readonly question?: Partial<AuthorizeRequest>;
  readonly session?: Partial<SessionFacts>;
  readonly options?: object;
}

/** Each look at the tenant's policy sees the next state, and at last the last one. */
async function ask({ states, question, session, options }: Asked) {
  const minted: string[] = [];
  const told: unknown[] = [];
  const left = [...states];
  const all = {
    clock: { now: () => NOW },
    gate: { assertStanding: () => Promise.resolve({ ...SESSION, ...session }), turns: new QuestionTurns() },
    policies: { get: async () => (left.length > 1 ? left.shift() : left[0]) },
    openSecret: async () => new Secret('opened'),
    minter: {
      mint: async (_spec: unknown, { credential }: { credential: string }) => {
        minted.push(credential);
        return { secret: new Secret(`made-by-${credential}`), notAfter: undefined };
      },
    },
    onError: (error: unknown) => told.push(error),
    ...options,
  } as unknown as AuthorizeOptions;
  const request = {
    id: 3,
    deadlineMs: 5_000,
    policyVersion: 0,
    policyChange: '',
    dryRun: false,
    destination: DESTINATION,
    http: HTTP,
  };
  const live = { ticket: { tenant: 'acme', notAfter: Number.POSITIVE_INFINITY } } as unknown as LiveSession;
  const { id, outcome } = await authorize(all, live, { ...request, ...question });
  const grant = outcome?.$case === 'grant' ? outcome.value : undefined;
  const denial = outcome?.$case === 'denial' ? outcome.value : undefined;
  return { id, grant, denial, reason: denial && reasonFromNumber(denial.reason), minted, told };
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe('a grant', () => {
  it('says what it is for, by what and how long', async () => {
    const policy = {
      ...to,
      credentials: bearer('key'),
      rules: [{ paths: ['/v1/**'] }],
      maxUses: 3,
      leaseSeconds: 20,
      failMode: { type: 'stale', maxAgeSeconds: 120 },
    };
    const session = { user: 'https://id.test#ann', workloads: ['billing-agent', 'other'] };
    const { id, grant, minted } = await ask({ states: [stateOf({ read: policy })], session });
    expect(grant).toMatchObject({
      binding: {
        sessionId: 'session-1',
        workloads: ['billing-agent', 'other'],
        user: 'https://id.test#ann',
        serverWorkload: 'api',
        destination: DESTINATION,
        method: 'GET',
        path: '/v1/items',
      },
      notAfter: new Date(NOW + 140_000),
      cacheLease: { seconds: 20, nanos: 0 },
      maxUses: 3,
      policyVersion: 7,
      failMode: { staleMaxAge: { seconds: 120, nanos: 0 } },
      accessPolicy: 'read',
      credentialProvider: 'key',
      credentialProviders: ['key'],
    });
    expect([id, minted, vi.getTimerCount()]).toEqual([3, ['key'], 0]);
  });

  it('lives for a minute at least, and is for all paths where no policy reads them', async () => {
    const { grant } = await ask({ states: [stateOf({ read: { ...to, leaseSeconds: 5 } })] });
    expect(grant).toMatchObject({
      binding: { path: '', user: '' },
      notAfter: new Date(NOW + 60_000),
      cacheLease: { seconds: 5, nanos: 0 },
      maxUses: 0,
      failMode: { staleMaxAge: undefined },
    });
  });

  it('of a dry run has no credential, and none is made', async () => {
    const { grant, minted } = await ask({
      states: [stateOf({ read: { ...to, credentials: bearer('key') } })],
      question: { dryRun: true },
    });
    expect([grant?.accessPolicy, grant?.injections, minted]).toEqual(['read', [], []]);
  });

  it('is given for what a policy reads in a body, once the proxy sent that', async () => {
    const states = [stateOf({ read: { ...to, rules: [{ when: 'request.json.amount <= 100' }] } })];
    const http = (selectors: string[], json?: string) => ({
      ...HTTP,
      inspected: InspectedFacts.fromPartial({ selectors, ...(json === undefined ? {} : { json }) }),
    });
    const selectors = ['json:/amount'];
    expect((await ask({ states, question: { http: http(selectors, '{"amount":7}') } })).grant).toBeDefined();
    expect((await ask({ states, question: { http: http(selectors, '{"amount":700}') } })).reason).toBe('rule-denied');
    expect((await ask({ states, question: { http: http([], '{}') } })).reason).toBe('not-ready');
    expect((await ask({ states })).reason).toBe('not-ready');
  });
});

describe('a denial', () => {
  it('by a policy names it, and makes no credential', async () => {
    const policies = { no: { ...to, effect: 'deny' }, read: { ...to, credentials: bearer('key') } };
    const { denial, grant, minted, reason } = await ask({ states: [stateOf(policies)] });
    expect([grant, reason, minted]).toEqual([undefined, 'policy-denied', []]);
    expect(denial).toMatchObject({ accessPolicy: 'no', cacheLease: { seconds: 5, nanos: 0 } });
    expect(denial?.message).toMatch(/^[A-Z][^:]*\.$/);
  });

  it('without a policy names none', async () => {
    const question = { destination: { ...DESTINATION, host: 'other.example.com' } };
    const { denial, reason } = await ask({ states: [stateOf({ read: to })], question });
    expect([reason, denial?.accessPolicy]).toEqual(['no-route', '']);
  });

  it('is what a session without standing gets, also when it loses that while the credential is made', async () => {
    const states = [stateOf({ read: { ...to, credentials: bearer('key') } })];
    for (const looks of [0, 1]) {
      let left = looks;
      const assertStanding = async () => {
        if ((left -= 1) < 0) throw new Refusal('session-revoked', 'the session is revoked');
        return SESSION;
      };
      const gate = { assertStanding, turns: new QuestionTurns() };
      const { denial, minted, reason, told } = await ask({ states, options: { gate } });
      expect([reason, denial?.message, denial?.cacheLease]).toEqual([
        'session-revoked',
        'the session is revoked',
        { seconds: 0, nanos: 0 },
      ]);
      expect([minted.length, told]).toEqual([looks, []]);
    }
  });

  it('is what a session of a tenant that is gone gets', async () => {
    expect((await ask({ states: [undefined] })).reason).toBe('session-invalid');
  });

  it('never goes out as a grant with the credential of another policy', async () => {
    const policies = {
      first: { ...to, credentials: bearer('key') },
      second: { ...to, credentials: bearer('other') },
    };
    const revoked = new RevocationSet([{ id: 'r', target: 'policy', name: 'first', atMs: 0 }]);
    const mint = async (_spec: unknown, { credential }: { credential: string }) => {
      if (credential === 'other') throw new CredentialError('no token');
      return { secret: new Secret('made'), notAfter: undefined };
    };
    const { grant, reason } = await ask({
      states: [stateOf(policies), stateOf(policies, revoked)],
      options: { minter: { mint } },
    });
    expect([grant, reason]).toEqual([undefined, 'credential-unavailable']);
  });

  it.each([
    ['the database is away', new StoreUnavailable('gone'), 'control-plane-unavailable'],
    ['something is at fault', new Error('cannot read properties of undefined'), 'internal-error'],
  ])('tells the agent little and the operator all when %s', async (_what, error, reason) => {
    const policies = { get: () => Promise.reject(error) };
    const answer = await ask({ states: [], options: { policies } });
    expect([answer.id, answer.reason, answer.told]).toEqual([3, reason, [error]]);
    expect(answer.denial?.message).not.toContain(error.message);
    expect([answer.denial?.accessPolicy, answer.denial?.cacheLease]).toEqual(['', { seconds: 0, nanos: 0 }]);
  });
});

describe('a question that is not in canonical form is refused, not mended', () => {
  const at = (changes: object): Partial<AuthorizeRequest> => ({ destination: { ...DESTINATION, ...changes } });
  const path = (text: string): Partial<AuthorizeRequest> => ({ http: { ...HTTP, path: text } });
  it.each<[string, Partial<AuthorizeRequest>, string]>([
    ['without destination', { destination: undefined }, 'bad-request'],
    ['without request', { http: undefined }, 'bad-request'],
    ['another scheme', at({ scheme: 'ftp' }), 'bad-request'],
    ['port 0', at({ port: 0 }), 'bad-request'],
    ['port 65536', at({ port: 65_536 }), 'bad-request'],
    ['a host in capitals', at({ host: 'API.example.com' }), 'bad-request'],
    ['no host', at({ host: '' }), 'bad-request'],
    ['a host of other characters', at({ host: 'api.example.com/' }), 'bad-request'],
    ['dot segments', path('/v1/../items'), 'path-refused'],
    ['needless escapes', path('/v1/%69tems'), 'path-refused'],
    ['no slash in front', path('v1/items'), 'path-refused'],
    // What is canonical has its answer by policy.
    ['port 1', at({ port: 1 }), 'no-route'],
    ['port 65535', at({ port: 65_535 }), 'no-route'],
    ['cleartext', at({ scheme: 'http' }), 'cleartext-refused'],
  ])('%s', async (_what, question, expected) => {
    const { reason, told } = await ask({ states: [stateOf({ read: to })], question });
    expect([reason, told]).toEqual([expected, []]);
  });
});
