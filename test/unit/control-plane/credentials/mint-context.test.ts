import { beforeEach, expect, it } from 'vitest';
import { Secret } from '../../../../common/secret.ts';
import type { CredentialSpec, MintContext } from '../../../../control-plane/credentials/credential-minter.ts';
import { type CredentialSourceOptions, mintFor } from '../../../../control-plane/credentials/credential-source.ts';
import { compilePolicySet } from '../../../../control-plane/policy/compile.ts';
import type { SessionFacts } from '../../../../control-plane/policy/facts.ts';
import { RevocationSet } from '../../../../control-plane/policy/revocations.ts';
import { SealingError } from '../../../../control-plane/store/sealing.ts';
import { policySet, SESSION } from '../../../support/control-plane/policy-set.ts';

const MACHINE: SessionFacts = {
  ...SESSION,
  workloads: ['archive', 'billing-agent'],
  user: undefined,
  userClaims: { a: 1 },
};

let minted: [CredentialSpec, MintContext][];
let opened: string[];
let secret: () => Promise<Secret | undefined>;

beforeEach(() => {
  minted = [];
  opened = [];
  secret = async () => new Secret('sealed');
});

function policyOf(clientWorkload: string, provider: object = { type: 'static', secret: { value: 'x' } }) {
  const credentials = [{ provider: 'key', inject: { type: 'bearer' } }];
  return compilePolicySet(
    policySet({
      ServerWorkload: { api: { hosts: ['api.example.com'] } },
      CredentialProvider: { key: provider },
      AccessPolicy: { a: { clientWorkload, serverWorkload: 'api', credentials } },
    }),
  );
}

function mint(set: ReturnType<typeof policyOf>, session: SessionFacts = MACHINE) {
  const options: CredentialSourceOptions = {
    minter: {
      mint: async (spec, context) => {
        minted.push([spec, context]);
        return { secret: new Secret('token'), notAfter: 5_000 };
      },
      forget: () => undefined,
    },
    placeholders: { for: () => Promise.reject(new Error('no placeholder is asked for')) },
    openSecret: (_policy, provider, field) => {
      opened.push(`${provider} ${field}`);
      return secret();
    },
  };
  const policy = set.servers[0]?.policies[0];
  if (policy === undefined) throw new Error('no policy');
  return mintFor(options, session, policy, { policy: set, revocations: new RevocationSet([]) });
}

it.each([
  ['billing-agent', 'billing-agent'],
  ['*', 'archive'],
])('a credential is made for the workload that a policy of %s means', async (clientWorkload, workload) => {
  await mint(policyOf(clientWorkload));
  expect(minted[0]?.[1]).toMatchObject({ tenant: MACHINE.tenant, credential: 'key', workload, serverWorkload: 'api' });
});

it('what is said of a user is there where there is one, beside what is said of the agent', async () => {
  await mint(policyOf('*'));
  await mint(policyOf('*'), { ...MACHINE, user: 'idp#ann' });
  expect(minted.map(([, { user, claims }]) => [user, claims])).toEqual([
    [undefined, MACHINE.claims],
    ['idp#ann', { ...MACHINE.claims, user: { a: 1 } }],
  ]);
});

it('a secret is opened once for a policy, and anew for the next; a failure is tried again', async () => {
  const [one, next] = [policyOf('*'), policyOf('*')];
  for (const set of [one, one, next]) await mint(set);
  expect([opened, minted.map(([spec]) => spec.type)]).toEqual([
    ['key secret', 'key secret'],
    ['static', 'static', 'static'],
  ]);
  const third = policyOf('*');
  for (const [failure, message] of [
    [() => Promise.resolve(undefined), /has no stored secret/],
    [() => Promise.reject(new SealingError('sealed-forged', 'no')), /cannot be opened for what policy says now/],
    [() => Promise.reject(new TypeError('a bug')), /^a bug$/],
  ] as const) {
    secret = failure;
    await expect(mint(third)).rejects.toThrow(message);
  }
  secret = async () => new Secret('mended');
  await mint(third);
  expect(minted.at(-1)?.[0]).toMatchObject({ secret: expect.toSatisfy((value: Secret) => value.equals('mended')) });
});

it('a credential that needs no secret opens none', async () => {
  const jwt = { type: 'jwt', audience: 'https://api.example', subject: 'a', claims: {}, ttlSeconds: 60 };
  await mint(policyOf('*', jwt));
  expect([opened, minted[0]?.[0].type]).toEqual([[], 'jwt']);
});
