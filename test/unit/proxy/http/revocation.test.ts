import { describe, expect, it } from 'vitest';
import type { SessionState } from '../../../../policy-client/index.ts';
import { Grant, type Revocation, RevocationTarget } from '../../../../proto/gen/sidekey/v1/grant.ts';
import { cutRevoked } from '../../../../proxy/http/revocation.ts';
import type { LiveExchange } from '../../../../proxy/http/services.ts';

const TENANT = 'acme';
const SESSION = { id: 's-1', workloads: ['billing', 'reports'], user: 'ann' } as unknown as SessionState;

function grantOf(accessPolicy: string, credentialProviders: string[], workloads = ['billing']): Grant {
  return Grant.fromPartial({
    accessPolicy,
    credentialProviders,
    binding: { sessionId: 's-1', workloads, user: 'ann' },
  });
}

/** What these running calls are cut for: the grant on which each goes on now, and the one that was injected. */
function cutBy(
  target: number,
  name: string,
  { session }: { readonly session: SessionState | undefined } = { session: SESSION },
) {
  const cuts: Record<string, string> = {};
  const live = (call: string, now: Grant | undefined, injected = now) =>
    ({
      standing: { grant: now },
      call: { grant: injected },
      cut: (why: string) => (cuts[call] = why),
    }) as unknown as LiveExchange;
  const calls = [
    live('read', grantOf('reads', ['api'])),
    live('written', grantOf('writes', ['api', 'sign'])),
    live('renewed', grantOf('writes', ['next']), grantOf('reads', ['api'])),
    live('moved', grantOf('writes', [], ['archive'])),
    live('unasked', undefined),
    live('waiting', undefined, grantOf('reads', ['api'])),
  ];
  cutRevoked(calls, { target, name } as Revocation, TENANT, session);
  return cuts;
}

const ALL = ['read', 'written', 'renewed', 'moved', 'unasked', 'waiting'];
const every = (reason: string) => Object.fromEntries(ALL.map((call) => [call, reason]));
const {
  REVOCATION_TARGET_POLICY: POLICY,
  REVOCATION_TARGET_CREDENTIAL: CREDENTIAL,
  REVOCATION_TARGET_WORKLOAD: WORKLOAD,
  REVOCATION_TARGET_USER: USER,
  REVOCATION_TARGET_SESSION: ONE_SESSION,
  REVOCATION_TARGET_TENANT: WHOLE_TENANT,
} = RevocationTarget;

describe('a revocation', () => {
  it('of a policy cuts the calls that go on under it, and no others', () => {
    expect(cutBy(POLICY, 'reads')).toEqual({ read: 'policy-revoked' });
    expect(cutBy(POLICY, 'writes')).toEqual({
      written: 'policy-revoked',
      renewed: 'policy-revoked',
      moved: 'policy-revoked',
    });
    expect(cutBy(POLICY, 'api')).toEqual({});
  });

  it('of a credential cuts the calls that go on with it, or for which it went out', () => {
    const why = 'credential-revoked';
    expect(cutBy(CREDENTIAL, 'api')).toEqual({ read: why, written: why, renewed: why });
    expect(cutBy(CREDENTIAL, 'sign')).toEqual({ written: why });
    expect(cutBy(CREDENTIAL, 'next')).toEqual({ renewed: why });
    expect(cutBy(CREDENTIAL, 'reads')).toEqual({});
  });

  it.each([
    [WORKLOAD, 'reports', 'workload-revoked'],
    [USER, 'ann', 'user-revoked'],
    [ONE_SESSION, 's-1', 'session-revoked'],
    [WHOLE_TENANT, TENANT, 'tenant-revoked'],
    [99, 'anything', 'tenant-revoked'],
  ])('of the session as a whole cuts them all: target %s, %s', (target, name, why) => {
    expect(cutBy(target, name)).toEqual(every(why));
  });

  it('of what the session was not attested as cuts what has come to stand on it, and what stands on no grant', () => {
    const why = 'workload-revoked';
    expect(cutBy(WORKLOAD, 'archive')).toEqual({ moved: why, unasked: why, waiting: why });
  });

  it('cuts the same calls when the session is gone already', () => {
    const why = 'workload-revoked';
    const gone = { session: undefined };
    expect(cutBy(WORKLOAD, 'billing', gone)).toEqual({
      read: why,
      written: why,
      renewed: why,
      unasked: why,
      waiting: why,
    });
    expect(cutBy(WORKLOAD, 'reports', gone)).toEqual({ unasked: why, waiting: why });
  });
});
