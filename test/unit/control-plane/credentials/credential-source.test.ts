import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { Secret } from '../../../../common/secret.ts';
import { type CredentialSourceOptions, mintFor } from '../../../../control-plane/credentials/credential-source.ts';
import { derivingFrom } from '../../../../control-plane/credentials/placeholder-keys.ts';
import { CredentialError } from '../../../../control-plane/credentials/credential-minter.ts';
import { compilePolicySet } from '../../../../control-plane/policy/compile.ts';
import { RevocationSet } from '../../../../control-plane/policy/revocations.ts';
import { policySet, SESSION } from '../../../support/control-plane/policy-set.ts';

const ENDS: Readonly<Record<string, number | undefined>> = { short: 1_000, long: 9_000, never: undefined };
const placeholderOf = derivingFrom(new Secret(randomBytes(32)));

function mint(credentials: readonly object[], clientWorkload = 'billing-agent') {
  const set = compilePolicySet(
    policySet({
      ServerWorkload: { api: { hosts: ['api.example.com'] } },
      CredentialProvider: Object.fromEntries(
        ['short', 'long', 'never', 'broken'].map((name) => [name, { type: 'static', secret: { value: 'x' } }]),
      ),
      AccessPolicy: { a: { clientWorkload, serverWorkload: 'api', credentials } },
    }),
  );
  const asked: string[] = [];
  const options: CredentialSourceOptions = {
    minter: {
      mint: async (_, { credential }) => {
        asked.push(credential);
        if (credential === 'broken') throw new CredentialError('broken');
        return { secret: new Secret(`secret-${credential}`), notAfter: ENDS[credential] };
      },
      forget: () => undefined,
    },
    placeholders: { for: async () => placeholderOf },
    openSecret: async () => new Secret('x'),
  };
  const policy = set.servers[0]?.policies[0];
  if (policy === undefined) throw new Error('no policy');
  return { asked, minted: mintFor(options, SESSION, policy, { policy: set, revocations: new RevocationSet([]) }) };
}

const header = (name: string): object => ({ type: 'header', name });

describe('several credentials of a policy', () => {
  it('are all made, and the first to end ends the grant', async () => {
    const { minted } = mint([
      { provider: 'long', inject: header('X-A') },
      { provider: 'short', inject: header('X-B') },
      { provider: 'never', inject: { type: 'cookie', name: 'sid' } },
    ]);
    const { injections, notAfter } = await minted;
    expect(injections.map(({ kind }) => kind?.$case)).toEqual(['header', 'header', 'cookie']);
    expect(notAfter).toBe(1_000);
  });

  it('one that cannot be made denies', async () => {
    const { minted } = mint([
      { provider: 'long', inject: header('X-A') },
      { provider: 'broken', inject: header('X-B') },
    ]);
    await expect(minted).rejects.toThrow(CredentialError);
  });

  it('none is no credential', async () => {
    expect(await mint([]).minted).toEqual({ injections: [], notAfter: Number.POSITIVE_INFINITY });
  });
});

describe('placeholders', () => {
  it('a grant takes those of the workloads of this session', async () => {
    const inject = { type: 'placeholder', in: 'header', name: 'X-A' };
    const own = await mint([{ provider: 'long', inject }]).minted;
    const shared = await mint([{ provider: 'long', inject }], '*').minted;
    for (const { injections } of [own, shared]) {
      const kind = injections[0]?.kind;
      expect(kind?.$case === 'placeholder' && kind.value.placeholders).toEqual(
        SESSION.workloads.map((workload) => placeholderOf(workload, 'long')),
      );
    }
  });

  it('differ by workload, by provider and by key', () => {
    const other = derivingFrom(new Secret(randomBytes(32)));
    const all = [placeholderOf('a', 'b'), placeholderOf('a', 'c'), placeholderOf('b', 'b'), other('a', 'b')];
    expect(new Set(all).size).toBe(4);
    expect(placeholderOf('a', 'b')).toBe(all[0]);
  });

  it('a token endpoint needs no token', async () => {
    const { asked, minted } = mint([{ provider: 'broken', inject: { type: 'oauth-token', path: '/token' } }]);
    const kind = (await minted).injections[0]?.kind;
    const placeholder = placeholderOf(SESSION.workloads[0] ?? '', 'broken');
    expect(kind).toEqual({ $case: 'oauthToken', value: { path: '/token', placeholder, expiresInSeconds: 3600 } });
    expect(asked).toEqual([]);
  });
});
