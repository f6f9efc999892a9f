import { SignJWT } from 'jose';
import { beforeEach, describe, expect, test } from 'vitest';
import { createSessionAuthority } from '../../../../control-plane/attestation/session.ts';
import type { SessionAuthority, SessionTicket } from '../../../../control-plane/attestation/session.ts';
import { SigningKeyRing } from '../../../../control-plane/credentials/signing-keys.ts';
import { createMemoryKeyStore } from '../../../support/control-plane/memory-key-store.ts';
import { ManualClock } from '../../../support/manual-clock.ts';
import { ProxyIdentity } from '../../../support/agents/proxy-identity.ts';

const PATH = '/sidekey.v1.ProxyService/Watch';
const ATTEST = '/sidekey.v1.ProxyService/Attest';
const ISSUER = 'urn:sidekey:test';

let clock: ManualClock;
let keys: SigningKeyRing;
let authority: SessionAuthority;
let proxy: ProxyIdentity;

beforeEach(async () => {
  clock = new ManualClock();
  keys = await SigningKeyRing.open(createMemoryKeyStore(), clock);
  authority = createSessionAuthority({ keys, clock, issuer: ISSUER });
  proxy = new ProxyIdentity();
});

function ticket(change: Partial<SessionTicket> = {}): SessionTicket {
  const notAfter = clock.now() + 600_000;
  return { id: 's-1', tenant: 'acme', instanceId: 'i-1', proxyKeyThumbprint: proxy.thumbprint, notAfter, ...change };
}

async function present(token: string, dpop: string | undefined, path = PATH): Promise<SessionTicket> {
  return authority.authenticate({ authorization: `DPoP ${token}`, dpop, path });
}

/** A token that says what a session's does, signed with the control plane's own key. */
function signed(typ: string | undefined, audience: string | string[], change: object = {}): Promise<string> {
  const { id, privateKey } = keys.current();
  return new SignJWT({ ten: 'acme', ins: 'i-1', cnf: { jkt: proxy.thumbprint }, ...change })
    .setProtectedHeader({ alg: 'ES256', kid: id, ...(typ === undefined ? {} : { typ }) })
    .setIssuer(ISSUER)
    .setAudience(audience)
    .setSubject('s-1')
    .setExpirationTime(Math.floor(clock.now() / 1_000) + 600)
    .sign(privateKey);
}

describe('session tokens', () => {
  test('a session with its key is accepted and read back', async () => {
    const token = await authority.mint(ticket());
    await expect(present(token, await proxy.proof(PATH, token, clock.now()))).resolves.toEqual(ticket());
  });

  test('a stolen session token is useless without the key', async () => {
    const token = await authority.mint(ticket());
    const thief = new ProxyIdentity();
    const stolen = present(token, await thief.proof(PATH, token, clock.now()));
    await expect(stolen).rejects.toMatchObject({
      reason: 'session-invalid',
      message: expect.stringMatching(/another key/),
    });
    await expect(present(token, undefined)).rejects.toMatchObject({ reason: 'session-invalid' });
  });

  test('an expired session says so', async () => {
    const token = await authority.mint(ticket());
    clock.advance(600_001);
    const late = present(token, await proxy.proof(PATH, token, clock.now()));
    await expect(late).rejects.toMatchObject({ reason: 'session-expired' });
  });

  test.each([{ ten: 1 }, { ins: null }, { cnf: 'jkt' }, { cnf: null }, { cnf: {} }, { cnf: { jkt: 1 } }])(
    'a token that says %j is refused',
    async (change) => {
      const token = await signed('sidekey-session+jwt', ISSUER, change);
      const presented = present(token, await proxy.proof(PATH, token, clock.now()));
      await expect(presented).rejects.toMatchObject({
        reason: 'session-invalid',
        message: expect.stringMatching(/incomplete/),
      });
    },
  );

  test('a token of another ring, issuer or scheme is refused', async () => {
    const foreign = createSessionAuthority({
      keys: await SigningKeyRing.open(createMemoryKeyStore(), clock),
      clock,
      issuer: ISSUER,
    });
    const other = createSessionAuthority({ keys, clock, issuer: 'urn:other' });
    for (const maker of [foreign, other]) {
      const token = await maker.mint(ticket());
      const refused = present(token, await proxy.proof(PATH, token, clock.now()));
      await expect(refused).rejects.toMatchObject({ reason: 'session-invalid' });
    }
    const token = await authority.mint(ticket());
    const dpop = await proxy.proof(PATH, token, clock.now());
    for (const authorization of [
      `Bearer ${token}`,
      token,
      undefined,
      'DPoP ',
      `DPoP ${token} x`,
      `Bearer DPoP ${token}`,
      `DPoP ${'a'.repeat(9000)}`,
    ]) {
      const refused = authority.authenticate({ authorization, dpop, path: PATH });
      await expect(refused).rejects.toMatchObject({ reason: 'session-invalid' });
    }
  });

  test.each([
    ['made for another purpose', 'sidekey-checkpoint+jwt', ISSUER],
    ['without a type', undefined, ISSUER],
    ['for another audience', 'sidekey-session+jwt', 'urn:other'],
    ['for nobody', 'sidekey-session+jwt', []],
  ])('a token %s, signed with our own key, is refused', async (_, typ, audience) => {
    const right = await signed('sidekey-session+jwt', ISSUER);
    await expect(present(right, await proxy.proof(PATH, right, clock.now()))).resolves.toMatchObject({ id: 's-1' });
    const wrong = await signed(typ, audience);
    const refused = present(wrong, await proxy.proof(PATH, wrong, clock.now()));
    await expect(refused).rejects.toMatchObject({ reason: 'session-invalid' });
  });

  test('a proof cannot be a session token, nor the other way round', async () => {
    const token = await authority.mint(ticket());
    const dpop = await proxy.proof(PATH, token, clock.now());
    await expect(present(dpop, dpop)).rejects.toMatchObject({ reason: 'session-invalid' });
    await expect(present(token, token)).rejects.toMatchObject({ reason: 'session-invalid' });
  });
});

describe('proofs', () => {
  test('serve once', async () => {
    const token = await authority.mint(ticket());
    const dpop = await proxy.proof(PATH, token, clock.now());
    await present(token, dpop);
    await expect(present(token, dpop)).rejects.toMatchObject({ reason: 'proof-replayed' });
    clock.advance(60_000);
    await expect(present(token, dpop)).rejects.toMatchObject({ reason: 'proof-replayed' });
    clock.advance(1_000);
    await expect(present(token, dpop)).rejects.toMatchObject({
      reason: 'session-invalid',
      message: expect.stringMatching(/its time is 61 s behind the clock here/),
    });
  });

  test('that were used at another replica are replayed here', async () => {
    const used: unknown[] = [];
    const sharedProofs = {
      use: async (...of: unknown[]) => {
        used.push(of);
        return used.length === 1;
      },
    };
    authority = createSessionAuthority({ keys, clock, issuer: ISSUER, sharedProofs });
    const token = await authority.mint(ticket());
    const presented = async () => present(token, await proxy.proof(PATH, token, clock.now()));
    await expect(presented()).resolves.toMatchObject({ id: 's-1' });
    await expect(presented()).rejects.toMatchObject({ reason: 'proof-replayed' });
    expect(used[0]).toEqual([proxy.thumbprint, expect.any(String), clock.now() + 60_000]);
  });

  const SYMMETRIC = { kty: 'oct', k: 'AAAA' };
  test.each([
    ['for another method', { claims: { htu: '/sidekey.v1.ProxyService/Authorize' } }, 'another method'],
    ['with another verb', { claims: { htm: 'GET' } }, 'another method'],
    ['for another token', { claims: { ath: 'AAAA' } }, 'another token'],
    ['without ath', { claims: { ath: undefined } }, 'another token'],
    ['without jti', { claims: { jti: undefined } }, 'its jti'],
    ['with a short jti', { claims: { jti: 'x'.repeat(7) } }, 'its jti'],
    ['with an endless jti', { claims: { jti: 'x'.repeat(129) } }, 'its jti'],
    ['without iat', { claims: { iat: undefined } }, 'does not say when it was made'],
    ['with a textual iat', { claims: { iat: 'now' } }, 'its signature or header'],
    ['from the future', { claims: { iat: 4_000_000_000 } }, ' s ahead of the clock here'],
    ['from the past', { claims: { iat: 1 } }, ' s behind the clock here'],
    ['of another type', { header: { typ: 'JWT' } }, 'its signature or header'],
    ['with a symmetric key', { header: { jwk: SYMMETRIC } }, 'its signature or header'],
    ['signed by another key', { key: new ProxyIdentity().privateKey }, 'its signature or header'],
    ['that are too long', { claims: { jti: 'x'.repeat(4_096) } }, 'not a compact JWT'],
  ])('%s are refused', async (_, change, message) => {
    const token = await authority.mint(ticket());
    const refused = present(token, await proxy.proof(PATH, token, clock.now(), change));
    await expect(refused).rejects.toMatchObject({
      reason: 'session-invalid',
      message: expect.stringContaining(message),
    });
  });

  test.each([8, 128])('may have an id of %i characters', async (length) => {
    const token = await authority.mint(ticket());
    const proof = await proxy.proof(PATH, token, clock.now(), { claims: { jti: 'x'.repeat(length) } });
    await expect(present(token, proof)).resolves.toMatchObject({ id: 's-1' });
  });

  // RFC 9449 section 4.3, step 7; members of RSA and symmetric keys (RFC 7518 section 6) as well.
  test.each(['d', 'p', 'q', 'dp', 'dq', 'qi', 'k'])('that disclose a private key are refused: %s', async (member) => {
    const token = await authority.mint(ticket());
    const jwk = { ...proxy.jwk, [member]: proxy.privateKey.export({ format: 'jwk' }).d };
    const refused = present(token, await proxy.proof(PATH, token, clock.now(), { header: { jwk } }));
    await expect(refused).rejects.toMatchObject({ reason: 'session-invalid' });
  });

  test('over the bound of one key are refused, and other keys go on', async () => {
    authority = createSessionAuthority({ keys, clock, issuer: ISSUER, maxProofsPerKey: 3 });
    const token = await authority.mint(ticket());
    for (let i = 0; i < 3; i += 1) await present(token, await proxy.proof(PATH, token, clock.now()));
    const over = present(token, await proxy.proof(PATH, token, clock.now()));
    await expect(over).rejects.toMatchObject({ reason: 'overloaded' });
    const other = new ProxyIdentity();
    const otherToken = await authority.mint(ticket({ id: 's-2', proxyKeyThumbprint: other.thumbprint }));
    await present(otherToken, await other.proof(PATH, otherToken, clock.now()));
    clock.advance(62_000);
    await present(token, await proxy.proof(PATH, token, clock.now()));
  });
});

describe('proof of the key at Attest', () => {
  const evidence = [Buffer.from('one'), Buffer.from('two')];

  test('covers all the evidence', async () => {
    const proof = await proxy.proof(ATTEST, evidence, clock.now());
    const proven = authority.proveKey({ proxyKey: proxy.spki, proof, evidenceTokens: evidence, path: ATTEST });
    await expect(proven).resolves.toMatchObject({ thumbprint: proxy.thumbprint });
    await (await proven).useProof('default');
    await expect((await proven).useProof('default')).rejects.toMatchObject({ reason: 'proof-replayed' });
    const again = authority.proveKey({ proxyKey: proxy.spki, proof, evidenceTokens: evidence, path: ATTEST });
    await expect(again).rejects.toMatchObject({ reason: 'proof-replayed' });
  });

  test('of strangers takes no memory from those whose evidence is verified', async () => {
    authority = createSessionAuthority({ keys, clock, issuer: ISSUER, maxProofs: 1 });
    const prove = async (who: ProxyIdentity) => {
      const proof = await who.proof(ATTEST, evidence, clock.now());
      return authority.proveKey({ proxyKey: who.spki, proof, evidenceTokens: evidence, path: ATTEST });
    };
    for (let i = 0; i < 5; i += 1) await prove(new ProxyIdentity());
    await (await prove(proxy)).useProof('default');
    const over = await prove(new ProxyIdentity());
    await expect(over.useProof('default')).rejects.toMatchObject({ reason: 'overloaded' });
  });

  test('is refused for other evidence, another key or a key that is no P-256 point', async () => {
    const proof = await proxy.proof(ATTEST, evidence, clock.now());
    const attempts: readonly (readonly [Uint8Array, readonly Uint8Array[]])[] = [
      [proxy.spki, evidence.slice(1)],
      [new ProxyIdentity().spki, evidence],
      [Buffer.alloc(0), evidence],
      [Buffer.alloc(91), evidence],
      [Buffer.alloc(9000), evidence],
    ];
    for (const [proxyKey, evidenceTokens] of attempts) {
      const refused = authority.proveKey({ proxyKey, proof, evidenceTokens, path: ATTEST });
      await expect(refused).rejects.toMatchObject({ reason: 'session-invalid' });
    }
  });

  test('is refused for more than 8 pieces of evidence, though it covers them', async () => {
    const prove = async (pieces: number) => {
      const evidenceTokens = Array.from({ length: pieces }, () => Buffer.from('x'));
      const proof = await proxy.proof(ATTEST, evidenceTokens, clock.now());
      return authority.proveKey({ proxyKey: proxy.spki, proof, evidenceTokens, path: ATTEST });
    };
    await expect(prove(8)).resolves.toMatchObject({ thumbprint: proxy.thumbprint });
    await expect(prove(9)).rejects.toMatchObject({ reason: 'session-invalid' });
  });
});
