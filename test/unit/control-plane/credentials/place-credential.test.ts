import { describe, expect, it } from 'vitest';
import { Secret } from '../../../../common/secret.ts';
import { createRootAuthority, issueLeaf, publicKeySpki } from '../../../../common/x509/authority.ts';
import { createSigningKey } from '../../../../common/signing-key.ts';
import { toPem } from '../../../../common/x509/certificate.ts';
import { CredentialError } from '../../../../control-plane/credentials/credential-minter.ts';
import { placeCredential, type PlacedInjection } from '../../../../control-plane/credentials/place-credential.ts';

function reasonOf(inject: PlacedInjection, secret: string | Buffer): string {
  try {
    placeCredential(inject, new Secret(secret), ['sk_placeholder_x']);
  } catch (error) {
    if (error instanceof CredentialError) {
      expect(error.message).not.toContain(secret.toString().trim() || 'x');
      return error.reason;
    }
    throw error;
  }
  return 'ok';
}

const header: PlacedInjection = { type: 'header', name: 'X-Key', template: 'Key {{credential}};v=1' };
const cookie: PlacedInjection = { type: 'cookie', name: 'sid' };
const segment: PlacedInjection = { type: 'path-segment', index: 0, prefix: '', suffix: '' };
const json: PlacedInjection = { type: 'json-field', pointer: '/key' };
const certificate: PlacedInjection = { type: 'client-certificate' };
const held = (place: 'header' | 'cookie' | 'path' | 'json' | 'query' | 'form'): PlacedInjection => ({
  type: 'placeholder',
  in: place,
  name: place === 'json' ? '/key' : 'key',
});

describe('A-14 what a place cannot hold is refused when it is made', () => {
  it.each<[string, PlacedInjection, string | Buffer]>([
    ['CR and LF in a bearer token', { type: 'bearer' }, 'token\r\nX: y'],
    ['a space in a bearer token', { type: 'bearer' }, 'to ken'],
    ['LF in a password', { type: 'basic', username: 'u' }, 'pass\nword'],
    ['CR in a header', header, 'value\r'],
    ['a space at the end of a header', header, 'value '],
    ['letters beyond ASCII in a header', header, 'välue'],
    ['NUL in a query', { type: 'query', name: 'k' }, 'va\0lue'],
    ['a semicolon in a cookie', cookie, 'a;b'],
    ['a space in a cookie', cookie, 'a b'],
    ['a dot segment', segment, '..'],
    ['LF in a path', segment, 'a\nb'],
    ['no UTF-8 in a path', segment, Buffer.from([0xff, 0xfe])],
    ['NUL in JSON', json, 'a\0b'],
    ['no UTF-8 in JSON', json, Buffer.from([0xc3, 0x28])],
    ['no UTF-8 in a form', { type: 'form-field', name: 'k' }, Buffer.from([0xc3, 0x28])],
    ['LF in place of a placeholder in a header', held('header'), 'a\nb'],
    ['a comma in place of one in a cookie', held('cookie'), 'a,b'],
    ['a dot segment in place of one in a path', held('path'), '.'],
    ['NUL in place of one in JSON', held('json'), '\0'],
    ['text as a certificate', certificate, 'no certificate'],
    ['a certificate without a key', certificate, '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----'],
  ])('%s', (_, inject, secret) => {
    expect(reasonOf(inject, secret)).toBe('credential-invalid');
  });

  it.each<[string, PlacedInjection, string]>([
    ['text in a password', { type: 'basic', username: 'u' }, 'pässwörd with spaces'],
    ['spaces in a header', header, 'a b'],
    ['any text in JSON', json, 'a "quoted" ü'],
    ['any text in a form', held('form'), 'a&b=c'],
    ['any text in a query', held('query'), 'a&b=c'],
  ])('but not %s', (_, inject, secret) => {
    expect(reasonOf(inject, secret)).toBe('ok');
  });
});

it('a template becomes the text around the value', () => {
  const { kind } = placeCredential(header, new Secret('v1'), []);
  expect(kind).toEqual({
    $case: 'header',
    value: { name: 'X-Key', prefix: 'Key ', suffix: ';v=1', value: Buffer.from('v1') },
  });
});

describe('a client certificate', () => {
  const root = createRootAuthority('root');
  const key = createSigningKey();
  const notAfter = Date.UTC(2030, 0, 1);
  const leaf = issueLeaf(root, { publicKeySpki: publicKeySpki(key), hosts: ['a.test'], now: Date.now(), notAfter });
  const keyPem = (of = key): string => of.export({ type: 'pkcs8', format: 'pem' }).toString();
  const chain = toPem(leaf) + toPem(root.certificateDer);

  it('is parted from its key, in whatever order, and ends with the leaf', () => {
    for (const pem of [chain + keyPem(), keyPem() + chain]) {
      const placed = placeCredential(certificate, new Secret(`# made by hand\n${pem}`), []);
      if (placed.kind.$case !== 'clientCertificate') throw new Error('another kind');
      expect(placed.kind.value.certificatePem.match(/BEGIN CERTIFICATE/g)).toHaveLength(2);
      expect(placed.kind.value.certificatePem).not.toContain('PRIVATE');
      expect(placed.kind.value.privateKey.toString()).toBe(keyPem());
      expect(placed.notAfter).toBe(notAfter);
    }
  });

  it('of another key is refused, and so are two keys', () => {
    expect(reasonOf(certificate, chain + keyPem(createSigningKey()))).toBe('credential-invalid');
    expect(reasonOf(certificate, chain + keyPem() + keyPem())).toBe('credential-invalid');
  });
});
