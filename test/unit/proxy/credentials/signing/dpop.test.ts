import { createHash, generateKeyPairSync, randomUUID } from 'node:crypto';
import { EmbeddedJWK, jwtVerify } from 'jose';
import { describe, expect, test } from 'vitest';
import { Secret } from '../../../../../common/secret.ts';
import { asksForDpopNonce, DpopNonces } from '../../../../../proxy/credentials/signing/dpop-nonces.ts';
import { makeDpopProof, prepareDpop } from '../../../../../proxy/credentials/signing/dpop-proof.ts';
import { InjectionError } from '../../../../../proxy/credentials/injection-error.ts';
import { HeaderList } from '../../../../../proxy/protocols/header-list.ts';
import { createSigningKey } from '../../../../../common/signing-key.ts';

const TOKEN = 'Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU';
const privateKey = createSigningKey();
const pem = new Secret(privateKey.export({ type: 'pkcs8', format: 'pem' }).toString());
const jwk = new Secret(JSON.stringify(privateKey.export({ format: 'jwk' })));

describe('DPoP proofs (RFC 9449 section 4.2)', () => {
  test.each([
    ['PEM', pem],
    ['JWK', jwk],
  ])('from a key in %s, read by a library', async (_, key) => {
    const signing = prepareDpop(new Secret(TOKEN), key);
    const uri = 'https://resource.example.org/protected';
    const jti = randomUUID();
    const nowMs = 1_562_262_618_999;
    const proof = makeDpopProof(signing, { method: 'GET', uri, nonce: 'n-1', nowMs, jti });
    const { payload, protectedHeader } = await jwtVerify(proof, EmbeddedJWK, {
      typ: 'dpop+jwt',
      algorithms: ['ES256'],
    });
    expect(payload).toEqual({
      jti,
      htm: 'GET',
      htu: uri,
      iat: 1_562_262_618,
      // The RFC's own example of this token's hash (section 7.1).
      ath: 'fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo',
      nonce: 'n-1',
    });
    expect(Object.keys(protectedHeader['jwk'] ?? {}).toSorted()).toEqual(['crv', 'kty', 'x', 'y']);
  });

  test('without a nonce there is no such claim', () => {
    const call = { method: 'GET', uri: 'https://a/', nonce: undefined, nowMs: 0, jti: 'j' };
    const claims = makeDpopProof(prepareDpop(new Secret(TOKEN), pem), call).split('.')[1] ?? '';
    expect(JSON.parse(Buffer.from(claims, 'base64url').toString())).not.toHaveProperty('nonce');
  });

  test.each<[string, string, string]>([
    ['a token with a space', 'a b', pem.reveal()],
    ['no key', TOKEN, 'x'],
    ['broken JSON', TOKEN, '{'],
    ['another curve', TOKEN, keyPem(generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey)],
    ['another kind', TOKEN, keyPem(generateKeyPairSync('ed25519').privateKey)],
  ])('%s is refused, and not shown', (_, token, key) => {
    try {
      prepareDpop(new Secret(token), new Secret(key));
      expect.unreachable();
    } catch (error) {
      if (!(error instanceof InjectionError)) throw error;
      expect(error.reason).toBe('credential-invalid');
      expect(error.cause).toBeUndefined();
    }
  });
});

function keyPem(key: typeof privateKey): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
}

describe("servers' nonces", () => {
  const answer = (...nonces: string[]) => HeaderList.from(nonces.map((nonce) => ['DPoP-Nonce', nonce] as const));

  test('the newest of each origin is kept, malformed ones are not', () => {
    const nonces = new DpopNonces();
    nonces.note('https://a', answer('one'));
    nonces.note('https://a', answer('two'));
    const longest = 'n'.repeat(512);
    nonces.note('https://c', answer(longest));
    expect(nonces.get('https://c')).toBe(longest);
    for (const bad of [answer('x', 'y'), answer('with space'), answer('"'), answer('n'.repeat(513)), answer()]) {
      nonces.note('https://a', bad);
    }
    expect(nonces.get('https://a')).toBe('two');
    expect(nonces.get('https://b')).toBeUndefined();
    for (let at = 0; at < 2_000; at += 1)
      nonces.note(`https://${createHash('md5').update(`${at}`).digest('hex')}`, answer('z'));
    expect(nonces.get('https://a')).toBeUndefined();
  });

  test.each<[boolean, number, string, boolean]>([
    [true, 401, 'DPoP error="use_dpop_nonce", error_description="Resource server requires nonce"', true],
    [true, 401, 'DPoP realm="x", algs="ES256", error=use_dpop_nonce', true],
    [false, 401, 'DPoP error="use_dpop_nonce"', false],
    [false, 400, 'DPoP error="use_dpop_nonce"', true],
    [false, 401, 'DPoP error="invalid_token"', true],
    [false, 401, 'Bearer error="use_dpop_nonce"', true],
    [false, 401, 'Bearer error="use_dpop_nonce", DPoP realm="x"', true],
    // Long ones in linear time.
    [false, 401, 'DPoP '.repeat(60_000), true],
  ])('asked: %s, for %i %s (with nonce: %s)', (asked, status, value, withNonce) => {
    const headers = answer(...(withNonce ? ['n'] : []));
    headers.append('WWW-Authenticate', value);
    expect(asksForDpopNonce(status, headers)).toBe(asked);
    headers.append('WWW-Authenticate', 'Bearer realm="x"');
    expect(asksForDpopNonce(status, headers)).toBe(asked);
  });
});
