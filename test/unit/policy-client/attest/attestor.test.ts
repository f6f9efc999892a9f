import { expect, it } from 'vitest';
import { createAttestor } from '../../../../policy-client/attest/attestor.ts';
import { ProofMaker } from '../../../../policy-client/attest/proof.ts';
import type { Connection } from '../../../../policy-client/connection.ts';
import type { PolicyClientOptions } from '../../../../policy-client/index.ts';
import * as wire from '../../../../policy-client/wire.ts';
import type { AttestRequest } from '../../../../proto/gen/sidekey/v1/proxy.ts';

const UNAVAILABLE = Object.assign(new Error('14'), { code: 14 });
const refusedFor = (reason: string): Error =>
  Object.assign(new Error(reason), { code: 7, metadata: { get: () => [reason] } });

/** Attests in vain: for which authority it asked, and what became of the connection. */
async function fail(error: Error, { isHeard = false, as = 'own', wanted = true as boolean | 'not said' } = {}) {
  const told: unknown[] = [];
  const connection = {
    wire,
    load: async () => {},
    client: {
      attest: (request: AttestRequest, _metadata: unknown, _options: unknown, done: (error: Error) => void) => {
        told.push([request.instanceId, request.wantCertificateAuthority]);
        done(error);
      },
    },
    reset: () => told.push('left'),
    leaveUnlessUp: () => told.push('left unless up'),
  } as unknown as Connection;
  const wish = wanted === 'not said' ? {} : { wantCertificateAuthority: wanted };
  const options = { tenant: 'acme', evidence: async () => [], ...wish } as unknown as PolicyClientOptions;
  const parts = {
    connection,
    proofs: new ProofMaker(),
    options,
    ownId: 'own',
    timeoutMs: 1_000,
    isHeard: () => isHeard,
  };
  await expect(createAttestor(parts)(as)).rejects.toBe(error);
  return told;
}

it.each<[string, boolean | 'not said', boolean]>([
  ['own', true, true],
  ['own', false, false],
  ['own', 'not said', false],
  ['a run before', true, false],
])('an authority is asked for by this run alone, where it is wanted: %s, %s', async (as, wanted, expected) => {
  expect((await fail(UNAVAILABLE, { as, wanted }))[0]).toEqual([as, expected]);
});

it.each([
  ['nothing was heard, and another replica may know better', UNAVAILABLE, false, 'left'],
  ['events come on it', UNAVAILABLE, true, 'left unless up'],
  ['it is busy', refusedFor('overloaded'), false, 'left unless up'],
  ['it knows what it says', refusedFor('workload-unknown'), false, 'left unless up'],
])('a connection on which an attestation failed: %s', async (_, error, isHeard, expected) => {
  expect((await fail(error, { isHeard })).slice(1)).toEqual([expected]);
});
