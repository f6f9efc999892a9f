import { expect, test } from 'vitest';
import { createEvidenceVerifier } from '../../../../control-plane/attestation/evidence-verifier.ts';
import { JwksCache } from '../../../../control-plane/attestation/jwks-cache.ts';
import { createLocalAuthority } from '../../../../control-plane/attestation/local.ts';
import { FakeFetcher } from '../../../fakes/outbound-fetcher.ts';
import { ManualClock } from '../../../support/manual-clock.ts';
import { TokenIssuer } from '../../../support/control-plane/token-issuer.ts';

const PROVIDERS = new Map([['laptop', { type: 'local' as const }]]);

test('local evidence is off unless enabled, and bound to the key that asked', async () => {
  const clock = new ManualClock();
  const jwks = new JwksCache({ fetcher: new FakeFetcher(), monotonicMs: () => clock.now() });
  let verifier = createEvidenceVerifier({ jwks });
  const verify = (token: string, subject: 'workload' | 'user' = 'workload') =>
    verifier.verify(
      { tenant: 'acme', kind: 'local', token, subject, proxyKeyThumbprint: 'jkt' },
      PROVIDERS,
      clock.now(),
    );
  const local = createLocalAuthority(clock);
  const token = await local.issue({ uid: 1000, gid: 1000, pid: 7, user: 'ann' }, 'jkt');
  await expect(verify(token)).rejects.toMatchObject({ reason: 'trust-provider-disabled' });
  verifier = createEvidenceVerifier({ jwks, local });
  // The issuer of local evidence is no secret; only the key of this process makes it.
  await expect(verify(token, 'user')).rejects.toMatchObject({ reason: 'evidence-wrong-issuer' });
  const ofAnother = await new TokenIssuer('https://cluster.example').sign({}, clock.now());
  await expect(verify(ofAnother)).rejects.toMatchObject({ reason: 'evidence-wrong-issuer' });
  await expect(verify(token)).resolves.toMatchObject({
    subject: 'local:ann',
    notAfter: clock.now() + 60_000,
    claims: { local: { uid: 1000, gid: 1000, pid: 7, user: 'ann' } },
  });
  const nameless = await local.issue({ uid: 1000, gid: 1000, pid: 7 }, 'jkt');
  await expect(verify(nameless)).resolves.toMatchObject({ subject: 'local:1000' });
  const other = await local.issue({ uid: 1000, gid: 1000, pid: 7 }, 'other-key');
  await expect(verify(other)).rejects.toMatchObject({ reason: 'evidence-wrong-audience' });
  const foreign = await createLocalAuthority(clock).issue({ uid: 0, gid: 0, pid: 7 }, 'jkt');
  await expect(verify(foreign)).rejects.toMatchObject({ reason: 'evidence-unknown-key' });
  clock.advance(66_000);
  await expect(verify(token)).rejects.toMatchObject({ reason: 'evidence-expired' });
});
