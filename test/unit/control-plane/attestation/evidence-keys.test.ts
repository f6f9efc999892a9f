import { createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { expect, test } from 'vitest';
import { verifyEvidenceToken } from '../../../../control-plane/attestation/evidence-token.ts';
import { ManualClock } from '../../../support/manual-clock.ts';

const clock = new ManualClock();
const ISSUER = 'https://issuer.example';
const rsa = generateKeyPairSync('rsa', { modulusLength: 2_048 });
const p256 = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' });

const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** A token whose header says this, signed by whatever `make` does. */
function tokenOf(header: object, make: (input: Buffer) => Buffer): string {
  const seconds = Math.floor(clock.now() / 1_000);
  const claims = { iss: ISSUER, aud: 'sidekey', sub: 'someone', iat: seconds, exp: seconds + 600 };
  const input = `${encode(header)}.${encode(claims)}`;
  return `${input}.${make(Buffer.from(input)).toString('base64url')}`;
}

const by =
  (key: KeyObject, hash = 'sha256') =>
  (input: Buffer): Buffer =>
    sign(hash, input, { key, dsaEncoding: 'ieee-p1363' });

/** The subject, or why the token is refused, where the issuer has published these keys. */
function read(token: string, ...published: object[]): Promise<string> {
  const keys = () => Promise.resolve(published as { kty: string }[]);
  return verifyEvidenceToken(token, { issuer: ISSUER, audience: 'sidekey', now: clock.now(), keys }).then(
    ({ payload }) => payload.sub,
    ({ reason, message }: { reason?: string; message: string }) => reason ?? message,
  );
}

const published = ({ publicKey }: { publicKey: KeyObject }, more: object = {}): object => ({
  ...publicKey.export({ format: 'jwk' }),
  ...more,
});

test('RFC 8725 2.1: the public key of an issuer signs nothing as a secret, though nothing says what it is for', async () => {
  expect(await read(tokenOf({ alg: 'RS256' }, by(rsa.privateKey)), published(rsa))).toBe('someone');
  for (const type of ['spki', 'pkcs1'] as const) {
    for (const text of ['pem', 'der'] as const) {
      const secret = rsa.publicKey.export({ type, format: text } as { type: 'spki'; format: 'pem' });
      const mac = (input: Buffer): Buffer => createHmac('sha256', secret).update(input).digest();
      expect(await read(tokenOf({ alg: 'HS256' }, mac), published(rsa))).toBe('evidence-bad-algorithm');
    }
  }
  const none = (): Buffer => Buffer.alloc(0);
  for (const alg of ['none', 'None', 'NONE', 'RSA-OAEP', 'dir', '', 7]) {
    expect(await read(tokenOf({ alg }, none), published(rsa))).toMatch(/^evidence-(bad-algorithm|malformed)$/);
  }
});

test.each([
  ['RS256', p256],
  ['PS256', p256],
  ['ES256', rsa],
  ['ES384', p256],
  ['ES256', p384],
  ['EdDSA', p256],
] as const)('a key of another kind verifies no %s', async (alg, pair) => {
  expect(await read(tokenOf({ alg }, by(pair.privateKey)), published(pair))).toBe('evidence-bad-algorithm');
});

test('of keys that say nothing of themselves one alone may fit; a name chooses among several', async () => {
  const token = tokenOf({ alg: 'ES256' }, by(p256.privateKey));
  const other = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  expect(await read(token, published(rsa), published(p256), published(p384))).toBe('someone');
  expect(await read(token, published(p256), published(other))).toBe('evidence-unknown-key');
  const named = tokenOf({ alg: 'ES256', kid: 'b' }, by(p256.privateKey));
  expect(await read(named, published(other, { kid: 'a' }), published(p256, { kid: 'b' }))).toBe('someone');
  expect(await read(named, published(other, { kid: 'b' }), published(p256, { kid: 'a' }))).toBe(
    'evidence-bad-signature',
  );
  expect(await read(named, published(p256))).toBe('evidence-unknown-key');
});

test.each([
  ['for encryption', { use: 'enc' }, 'evidence-unknown-key'],
  ['for signatures', { use: 'sig' }, 'someone'],
  ['for another algorithm', { alg: 'ES384' }, 'evidence-bad-algorithm'],
  ['for this algorithm', { alg: 'ES256' }, 'someone'],
])('a key that says it is %s', async (_, more, expected) => {
  expect(await read(tokenOf({ alg: 'ES256' }, by(p256.privateKey)), published(p256, more))).toBe(expected);
});
