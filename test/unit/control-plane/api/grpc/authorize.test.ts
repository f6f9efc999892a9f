import { afterEach, describe, expect, it, vi } from 'vitest';
import { authorize, type AuthorizeOptions } from '../../../../../control-plane/api/grpc/authorize.ts';
import { QuestionTurns } from '../../../../../control-plane/api/grpc/question-turns.ts';
import type { LiveSession } from '../../../../../control-plane/api/grpc/session-gate.ts';
import { compilePolicySet } from '../../../../../control-plane/policy/compile.ts';
import type { ActiveRevocation } from '../../../../../control-plane/policy/facts.ts';
import type { TenantPolicy } from '../../../../../control-plane/policy/policy-source.ts';
import { RevocationSet } from '../../../../../control-plane/policy/revocations.ts';
import { describeError } from '../../../../../common/errors.ts';
import { Secret } from '../../../../../common/secret.ts';
import { SealingError } from '../../../../../control-plane/store/sealing.ts';
import { CredentialError } from '../../../../../control-plane/credentials/credential-minter.ts';
import type { AuthorizeRequest } from '../../../../../proto/gen/sidekey/v1/proxy.ts';
import { InspectedFacts } from '../../../../../proto/gen/sidekey/v1/route.ts';
import { REASONS, reasonFromNumber } from '../../../../../proto/reasons.ts';
import { policySet, SESSION } from '../../../../support/control-plane/policy-set.ts';

const QUESTION: AuthorizeRequest = {
  id: 1,
  deadlineMs: 5_000,
  policyVersion: 0,
  policyChange: '',
  dryRun: false,
  destination: { scheme: 'https', host: 'api.example.com', port: 443 },
  http: { method: 'GET', path: '/v1/items', query: '', headers: [], inspected: undefined },
};

const SET = policySet({
  ServerWorkload: { api: { hosts: ['api.example.com'] } },
  CredentialProvider: { key: { type: 'static', secret: { value: 'x' } } },
  AccessPolicy: {
    read: {
      clientWorkload: 'billing-agent',
      serverWorkload: 'api',
      credentials: [{ provider: 'key', inject: { type: 'bearer' } }],
    },
  },
});

const BOUND = {
  type: 'static',
  secret: { value: 'x' },
  boundTo: { hosts: ['api.example.com'], inject: [{ type: 'bearer' }] },
};

const NOW = Date.UTC(2026, 10, 23);
const LIVE = { ticket: { tenant: 'acme', notAfter: Number.POSITIVE_INFINITY } } as unknown as LiveSession;

/** A control plane in which all goes well, but for what is said otherwise. */
const optionsOf = (current: () => TenantPolicy | undefined, over: object = {}): AuthorizeOptions =>
  ({
    clock: { now: () => NOW },
    gate: { assertStanding: () => Promise.resolve(SESSION), turns: new QuestionTurns() },
    policies: { get: async () => current() },
    openSecret: async () => new Secret('opened'),
    minter: { mint: async () => ({ secret: new Secret('minted'), notAfter: undefined }), forget: () => undefined },
    onError: (error: unknown) => {
      throw error;
    },
    ...over,
  }) as unknown as AuthorizeOptions;

const revoking = (target: ActiveRevocation['target'], name: string): RevocationSet =>
  new RevocationSet([{ id: 'r', target, name, atMs: 0 }]);

describe('authorize when something changes while the credential is made', () => {
  const policy = compilePolicySet(SET);
  const none = new RevocationSet([]);
  const rotated = compilePolicySet({ ...SET, version: 2, change: '2' });

  /** `changes`: the state after each minting. A minted secret tells the version and the provider that it was made by. */
  async function ask(start: TenantPolicy, changes: readonly TenantPolicy[]): Promise<string | undefined> {
    let state = start;
    let mintings = 0;
    const minter = {
      mint: async (_spec: unknown, { version, credential }: { version: number; credential: string }) => {
        state = changes[mintings] ?? state;
        mintings += 1;
        return { secret: new Secret(`${credential}-${version}`), notAfter: undefined };
      },
      forget: () => undefined,
    };
    const { outcome } = await authorize(
      optionsOf(() => state, { minter }),
      LIVE,
      QUESTION,
    );
    if (outcome?.$case !== 'grant') return outcome && reasonFromNumber(outcome.value.reason);
    const { accessPolicy, injections } = outcome.value;
    const [kind] = injections.map((injection) => injection.kind);
    return kind?.$case === 'bearer' ? `${accessPolicy}: ${kind.value.token}` : undefined;
  }

  it.each([
    ['nothing', [], 'read: key-1'],
    ['a rotated secret under the same spec', [{ policy: rotated, revocations: none }], 'read: key-2'],
    ['a revocation of something else', [{ policy, revocations: revoking('policy', 'other') }], 'read: key-1'],
    ['a revocation of the policy', [{ policy, revocations: revoking('policy', 'read') }], 'policy-revoked'],
    ['both', [{ policy: rotated, revocations: revoking('credential', 'key') }], 'credential-revoked'],
    [
      'everything, again and again',
      Array.from({ length: 9 }, (_, at) => ({
        policy: compilePolicySet({ ...SET, version: at + 2 }),
        revocations: none,
      })),
      'not-ready',
    ],
  ] as const)('%s', async (_title, changes, expected) => {
    expect(await ask({ policy, revocations: none }, changes)).toBe(expected);
  });

  it("a revocation that lets another policy of the rank win: by that one's credential", async () => {
    const two = compilePolicySet(
      policySet({
        ServerWorkload: { api: { hosts: ['api.example.com'] } },
        CredentialProvider: {
          key: { type: 'static', secret: { value: 'x' } },
          other: { type: 'static', secret: { value: 'x' } },
        },
        AccessPolicy: Object.fromEntries(
          Object.entries({ first: 'key', second: 'other' }).map(([name, provider]) => [
            name,
            {
              clientWorkload: 'billing-agent',
              serverWorkload: 'api',
              credentials: [{ provider, inject: { type: 'bearer' } }],
            },
          ]),
        ),
      }),
    );
    const changes = [{ policy: two, revocations: revoking('policy', 'first') }];
    expect(await ask({ policy: two, revocations: none }, [])).toMatch(/^first: key-/);
    expect(await ask({ policy: two, revocations: none }, changes)).toMatch(/^second: other-/);
  });
});

describe('a denial', () => {
  it('names the policy that said no, and its condition in the sentence', async () => {
    const set = policySet({
      ServerWorkload: { api: { hosts: ['api.example.com'] } },
      AccessCondition: { closed: { type: 'cel', expression: 'false' } },
      AccessPolicy: { read: { clientWorkload: 'billing-agent', serverWorkload: 'api', conditions: ['closed'] } },
    });
    const state = { policy: compilePolicySet(set), revocations: new RevocationSet([]) };
    const { outcome } = await authorize(
      optionsOf(() => state),
      LIVE,
      QUESTION,
    );
    expect(outcome).toMatchObject({
      $case: 'denial',
      value: { accessPolicy: 'read', message: 'An access condition did not hold: closed.' },
    });
  });
});

describe('a question asked by an older policy', () => {
  const reads = (facts: object): ReturnType<typeof compilePolicySet> =>
    compilePolicySet({
      ...policySet({
        ServerWorkload: { api: { hosts: ['api.example.com'] } },
        AccessCondition: { quiet: { type: 'cel', expression: 'request.query != "loud"' } },
        CredentialProvider: { key: BOUND },
        AccessPolicy: { read: { clientWorkload: 'billing-agent', serverWorkload: 'api', ...facts } },
      }),
      version: 5,
      change: 'fifth',
    });
  const query = reads({ conditions: ['quiet'] });
  const path = reads({ rules: [{ paths: ['/v1/**'] }] });
  const bound = reads({ credentials: [{ provider: 'key', inject: { type: 'bearer' } }] });

  it.each<[string, ReturnType<typeof reads>, number, string, string, string?]>([
    ['is answered when the policy reads nothing more than it always has', reads({}), 4, '/v1/items', 'grant'],
    ['is not answered when the policy reads what it may lack', query, 4, '/v1/items', 'not-ready'],
    ['is not answered without the path', path, 4, '', 'not-ready'],
    ['is not answered when its route may verify less than the secret is bound to', bound, 4, '/v1/items', 'not-ready'],
    ['is answered by the same version, for a secret that is bound', bound, 5, '/v1/items', 'grant'],
    ['is answered by the same version', query, 5, '/v1/items', 'grant'],
    ['is answered by a newer version', query, 6, '/v1/items', 'grant'],
    ['is answered by the same change', query, 5, '/v1/items', 'grant', 'fifth'],
    ['is not answered by the same version of another history', query, 5, '/v1/items', 'not-ready', 'lost'],
    ['is not answered by a newer version of another history', bound, 6, '/v1/items', 'not-ready', 'lost'],
    ['without its version is answered by what it holds', query, 0, '/v1/items', 'grant'],
    ['without its version is not answered without the path', path, 0, '', 'not-ready'],
    [
      'is denied at once where no policy reads what it holds more',
      reads({ clientWorkload: 'other' }),
      5,
      '',
      'no-policy',
    ],
  ])('%s', async (_title, policy, policyVersion, requestPath, expected, policyChange = '') => {
    const state: TenantPolicy = { policy, revocations: new RevocationSet([]) };
    const inspected = { ...InspectedFacts.create(), selectors: ['json:/a'] };
    const http = { method: 'GET', path: requestPath, query: '', headers: [], inspected };
    const question = { ...QUESTION, policyVersion, policyChange, http };
    const { outcome } = await authorize(
      optionsOf(() => state),
      LIVE,
      question,
    );
    const got = outcome?.$case === 'denial' ? reasonFromNumber(outcome.value.reason) : outcome?.$case;
    expect(got).toBe(expected);
  });
});

describe('what a credential leaves of a grant', () => {
  async function ask(lifeMs: number, http: Partial<AuthorizeRequest['http']> = {}, live = LIVE): Promise<unknown> {
    const minter = { mint: async () => ({ secret: new Secret('minted'), notAfter: NOW + lifeMs }) };
    const state: TenantPolicy = { policy: compilePolicySet(SET), revocations: new RevocationSet([]) };
    const question = { ...QUESTION, http: { ...QUESTION.http, ...http } as AuthorizeRequest['http'] };
    const { outcome } = await authorize(
      optionsOf(() => state, { minter }),
      live,
      question,
    );
    if (outcome?.$case === 'grant') return [outcome.value.notAfter?.getTime(), outcome.value.cacheLease];
    return outcome && reasonFromNumber(outcome.value.reason);
  }

  it.each([
    ['none, once it is over', 0, 'credential-unavailable'],
    ['no longer a lease than it lives', 2_500, [NOW + 2_500, { seconds: 2, nanos: 500_000_000 }]],
  ])('%s', async (_title, lifeMs, expected) => {
    expect(await ask(lifeMs)).toEqual(expected);
  });

  it('nor any that outlives its session', async () => {
    const live = { ticket: { ...LIVE.ticket, notAfter: NOW + 1_500 } } as LiveSession;
    expect(await ask(60_000, {}, live)).toEqual([NOW + 1_500, { seconds: 1, nanos: 500_000_000 }]);
  });

  it.each(['', 'GET /', 'GE\r\nT', 'G'.repeat(65)])('and no method that is no token: %j', async (method) => {
    expect(await ask(60_000, { method })).toBe('bad-request');
  });
});

it('makes the credential again when it was sealed for what has changed meanwhile', async () => {
  const states = [1, 2].map((version) => ({
    policy: compilePolicySet({ ...SET, version }),
    revocations: new RevocationSet([]),
  }));
  const told: unknown[] = [];
  const options = optionsOf(() => states[0], {
    openSecret: async ({ version }: { version: number }) => {
      if (version === 2) return new Secret('opened');
      states.shift();
      throw new SealingError('sealed-otherwise', 'bound to something else');
    },
    onError: (error: unknown) => told.push(error),
  });
  const { outcome } = await authorize(options, LIVE, QUESTION);
  expect(outcome).toMatchObject({ $case: 'grant', value: { policyVersion: 2 } });
  expect(told).toEqual([]);
});

it('tells the operator why there is no credential, and the agent only that', async () => {
  const told: unknown[] = [];
  const state = { policy: compilePolicySet(SET), revocations: new RevocationSet([]) };
  const cause = new Error('connect ECONNREFUSED 10.1.2.3:443');
  const options = optionsOf(() => state, {
    minter: { mint: () => Promise.reject(new CredentialError('the token endpoint cannot be reached', { cause })) },
    onError: (error: unknown) => told.push(describeError(error)),
  });
  const { outcome } = await authorize(options, LIVE, QUESTION);
  expect(outcome).toMatchObject({ $case: 'denial', value: { message: 'the token endpoint cannot be reached' } });
  expect(told).toEqual([`no credential for tenant acme: the token endpoint cannot be reached: ${cause.message}`]);
});

describe('a question that nothing answers', () => {
  afterEach(() => void vi.useRealTimers());

  it.each([
    ['is denied at its deadline', 5_000, 5_000],
    ['is denied after half a minute, whatever later deadline it has', 3_600_000, 30_000],
    ['is denied after half a minute when it has none', 0, 30_000],
  ])('%s', async (_title, deadlineMs, expected) => {
    vi.useFakeTimers();
    const options = { policies: { get: () => new Promise(() => {}) } } as unknown as AuthorizeOptions;
    const answers: unknown[] = [];
    const asked = authorize(options, LIVE, { ...QUESTION, deadlineMs }).then((answer) => answers.push(answer));
    await vi.advanceTimersByTimeAsync(expected - 1);
    expect(answers).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    await asked;
    expect(answers).toMatchObject([{ outcome: { value: { reason: REASONS['authorize-timeout'].number } } }]);
  });
});
