import { generateKeyPairSync } from 'node:crypto';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { VERSION } from '../../../../common/version.ts';
import { ProofMaker } from '../../../../policy-client/attest/proof.ts';
import { attest, sessionMetadata } from '../../../../policy-client/attest/session.ts';
import type { Connection } from '../../../../policy-client/connection.ts';
import * as wire from '../../../../policy-client/wire.ts';
import {
  type AttestRequest,
  AttestResponse,
  type Evidence,
  EvidenceSubject,
} from '../../../../proto/gen/sidekey/v1/proxy.ts';
import { checkProof } from '../../../fakes/dpop.ts';

afterEach(() => {
  vi.useRealTimers();
});

const NOW = Date.UTC(2026, 0, 15);
const HOUR_MS = 3_600_000;
const jwkOf = (namedCurve: string): string =>
  JSON.stringify(generateKeyPairSync('ec', { namedCurve }).publicKey.export({ format: 'jwk' }));
const EVENT_KEY = jwkOf('P-256');
const EVIDENCE: Evidence[] = ['one', 'two'].map((token) => ({
  kind: 'oidc',
  subject: EvidenceSubject.EVIDENCE_SUBJECT_WORKLOAD,
  token: Buffer.from(token),
}));

const GOOD = {
  sessionId: 's-1',
  sessionToken: 'token',
  notAfter: new Date(NOW + HOUR_MS),
  workloads: ['agent'],
  eventKeyJson: EVENT_KEY,
  eventKeyId: 'k-1',
  controlPlaneVersion: VERSION,
};

const proofs = new ProofMaker();

/** The session that this answer makes, of a proxy whose clock stands at `NOW`. */
async function take(
  answer: Partial<AttestResponse>,
  options: { evidence?: () => Promise<Evidence[]>; refusal?: Error } = {},
) {
  const asked: AttestRequest[] = [];
  const deadlines: unknown[] = [];
  let loaded = false;
  const connection = {
    wire,
    load: async () => void (loaded = true),
    client: {
      attest: (
        request: AttestRequest,
        _metadata: unknown,
        { deadline }: { deadline: unknown },
        done: (error: Error | null, answer?: AttestResponse) => void,
      ) => {
        expect(loaded).toBe(true);
        asked.push(request);
        deadlines.push(deadline);
        if (options.refusal !== undefined) return done(options.refusal);
        done(null, AttestResponse.fromPartial({ ...GOOD, ...answer } as AttestResponse));
      },
    },
  } as unknown as Connection;
  const evidence = options.evidence ?? (() => Promise.resolve(EVIDENCE));
  const how = { tenant: 'acme', evidence, instanceId: 'i-1', wantCertificateAuthority: true, timeoutMs: 500 };
  const session = await attest(connection, proofs, how, () => NOW);
  return { session, asked, deadlines, connection };
}

describe('an attestation', () => {
  it('asks with all evidence, a proof over it, and who asks', async () => {
    vi.useFakeTimers({ now: NOW, toFake: ['Date'] });
    const { asked, deadlines } = await take({});
    expect(deadlines).toEqual([NOW + 500]);
    const [{ proof, ...request } = {} as AttestRequest] = asked;
    expect(request).toEqual({
      tenant: 'acme',
      evidence: EVIDENCE,
      proxyKey: proofs.publicKeyDer,
      instanceId: 'i-1',
      proxyVersion: VERSION,
      wantCertificateAuthority: true,
    });
    const path = '/sidekey.v1.ProxyService/Attest';
    expect(checkProof(proof, proofs.publicKeyDer, path, 'onetwo', new Set())).toBeUndefined();
  });

  it('gives the session as it was told', async () => {
    const { session } = await take({ user: 'idp#ann', claimsJson: '{"local":{"uid":1}}' });
    expect(session).toMatchObject({
      state: {
        id: 's-1',
        workloads: ['agent'],
        user: 'idp#ann',
        claims: { local: { uid: 1 } },
        notAfter: NOW + HOUR_MS,
      },
      eventKeyId: 'k-1',
      authority: undefined,
      controlPlaneVersion: VERSION,
    });
    expect([session.token.reveal(), session.eventKey.export({ format: 'jwk' })]).toEqual([
      'token',
      JSON.parse(EVENT_KEY),
    ]);
    const { state } = (await take({})).session;
    expect(state).toMatchObject({ user: undefined, claims: {} });
    for (const part of [state, state.workloads, state.claims, session.state.claims])
      expect(Object.isFrozen(part)).toBe(true);
  });

  it.each([
    ['when it was told to be', NOW + 1_000, NOW + 1_000],
    ['at half of its life, when it was told nothing', undefined, NOW + HOUR_MS / 2],
    ['with a tenth of its life left at the latest', NOW + HOUR_MS - 1, NOW + 0.9 * HOUR_MS],
  ])('is due again %s', async (_, renewAfter, expected) => {
    const { session } = await take({ renewAfter: renewAfter === undefined ? undefined : new Date(renewAfter) });
    expect(session.renewAfter).toBe(expected);
  });

  it.each([
    ['without an id', { sessionId: '' }, 'session-invalid', /lacks its id, token or end/],
    ['without a token', { sessionToken: '' }, 'session-invalid', /lacks its id, token or end/],
    ['without an end', { notAfter: undefined }, 'session-invalid', /lacks its id, token or end/],
    ['that has ended', { notAfter: new Date(NOW) }, 'session-expired', /compare the clocks/],
    ['with claims that are no JSON', { claimsJson: '{' }, 'session-invalid', /claims is not JSON/],
    ['with claims that are a list', { claimsJson: '[]' }, 'session-invalid', /claims is not an object/],
    ['with claims that are nothing', { claimsJson: 'null' }, 'session-invalid', /claims is not an object/],
    ['with claims that are a text', { claimsJson: '"a"' }, 'session-invalid', /claims is not an object/],
    ['whose events are signed on another curve', { eventKeyJson: jwkOf('P-384') }, 'session-invalid', /not on P-256/],
    ['whose event key is no JSON', { eventKeyJson: '' }, 'session-invalid', /event key is not JSON/],
    ['of another release', { controlPlaneVersion: '999.0.0' }, 'version-unsupported', /999/],
  ])('takes no session %s', async (_, change, code, message) => {
    const error: unknown = await take(change as Partial<AttestResponse>).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code, message: expect.stringMatching(message) });
  });

  it('is given up when evidence is not read in time, and passes on why it cannot be', async () => {
    vi.useFakeTimers();
    const failed = expect(take({}, { evidence: () => new Promise(() => {}) })).rejects.toMatchObject({
      code: 'evidence-timeout',
    });
    await vi.advanceTimersByTimeAsync(500);
    await failed;
    const unreadable = new Error('no such file');
    await expect(take({}, { evidence: () => Promise.reject(unreadable) })).rejects.toBe(unreadable);
  });

  it('that is refused passes on the refusal', async () => {
    const refusal = Object.assign(new Error('16 UNAUTHENTICATED'), { code: 16 });
    await expect(take({}, { refusal })).rejects.toBe(refusal);
  });
});

it('each call of a session goes with its token, and a proof for its own method and token', async () => {
  const { session, connection } = await take({});
  vi.useFakeTimers({ now: NOW, toFake: ['Date'] });
  for (const [method, path] of [
    ['watch', '/sidekey.v1.ProxyService/Watch'],
    ['authorize', '/sidekey.v1.ProxyService/Authorize'],
    ['reportDecisions', '/sidekey.v1.ProxyService/ReportDecisions'],
  ] as const) {
    const metadata = sessionMetadata(connection, session, proofs, method, NOW);
    expect(metadata.get('authorization')).toEqual(['DPoP token']);
    const [proof] = metadata.get('dpop');
    expect(checkProof(String(proof), proofs.publicKeyDer, path, 'token', new Set())).toBeUndefined();
  }
});
