import { X509Certificate as NodeCertificate } from 'node:crypto';
import type * as peculiarTypes from '@peculiar/x509';
import { peculiar } from '../../../support/peculiar-x509.ts';
import { describe, expect, it } from 'vitest';
import { createRootAuthority, issueIntermediate, issueLeaf, publicKeySpki } from '../../../../common/x509/authority.ts';
import { createSigningKey } from '../../../../common/signing-key.ts';
import { buildCertificate, keyIdentifier, readCertificate, toPem } from '../../../../common/x509/certificate.ts';
import { HostError } from '../../../../common/net/host.ts';

const NOW = Date.UTC(2026, 0, 15, 12, 0, 0);
const HOUR_MS = 3_600_000;

function chain(permittedHosts: string[], hosts: string[]) {
  const root = createRootAuthority('Tenant root é', { now: NOW });
  const key = createSigningKey();
  const intermediate = issueIntermediate(root, { publicKey: key, permittedHosts, now: NOW, notAfter: NOW + HOUR_MS });
  const spki = publicKeySpki(createSigningKey());
  const leaf = issueLeaf(
    { certificateDer: intermediate, key },
    { publicKeySpki: spki, hosts, now: NOW, notAfter: NOW + 2 * HOUR_MS },
  );
  return { root, key, intermediate, leaf, spki };
}

it('an intermediate does not outlive its root', () => {
  const root = createRootAuthority('Root', { now: NOW, lifetimeMs: HOUR_MS });
  const request = {
    publicKey: createSigningKey(),
    permittedHosts: ['a.example'],
    now: NOW,
    notAfter: NOW + 2 * HOUR_MS,
  };
  expect(readCertificate(issueIntermediate(root, request)).notAfter).toBe(NOW + HOUR_MS);
});

describe('certificates as other readers see them', () => {
  const { root, intermediate, leaf, spki } = chain(
    ['*.example.com', '10.0.0.1', 'fd00::1'],
    ['a.example.com', 'fd00::1'],
  );

  it('node: issuer, names, serial and signature', () => {
    const [rootNode, middleNode, leafNode] = [root.certificateDer, intermediate, leaf].map(
      (der) => new NodeCertificate(der),
    );
    expect(rootNode?.ca).toBe(true);
    expect(middleNode?.ca).toBe(true);
    expect(leafNode?.ca).toBe(false);
    expect(leafNode?.checkIssued(middleNode as NodeCertificate)).toBe(true);
    expect(middleNode?.checkIssued(rootNode as NodeCertificate)).toBe(true);
    expect(leafNode?.verify((middleNode as NodeCertificate).publicKey)).toBe(true);
    expect(middleNode?.verify((rootNode as NodeCertificate).publicKey)).toBe(true);
    expect(rootNode?.verify(rootNode.publicKey)).toBe(true);
    expect(leafNode?.subjectAltName).toBe('DNS:a.example.com, IP Address:FD00:0:0:0:0:0:0:1');
    expect(leafNode?.checkHost('a.example.com')).toBe('a.example.com');
    expect(leafNode?.checkIP('fd00::1')).toBe('fd00::1');
    expect(leafNode?.serialNumber).toMatch(/^[4-7][0-9A-F]{31}$/);
  });

  it('@peculiar/x509: every extension, its criticality and its value', async () => {
    const middle = new peculiar.X509Certificate(intermediate);
    const end = new peculiar.X509Certificate(leaf);
    expect(await end.verify({ publicKey: await middle.publicKey.export(), signatureOnly: true })).toBe(true);
    const constraints = middle.getExtension(peculiar.BasicConstraintsExtension);
    expect([constraints?.critical, constraints?.ca, constraints?.pathLength]).toEqual([true, true, 0]);
    expect(middle.getExtension(peculiar.KeyUsagesExtension)?.usages).toBe(
      peculiar.KeyUsageFlags.keyCertSign | peculiar.KeyUsageFlags.cRLSign,
    );
    expect(end.getExtension(peculiar.KeyUsagesExtension)?.usages).toBe(peculiar.KeyUsageFlags.digitalSignature);
    expect(end.getExtension(peculiar.ExtendedKeyUsageExtension)?.usages).toEqual(['1.3.6.1.5.5.7.3.1']);
    expect(middle.extensions.find(({ type }) => type === '2.5.29.30')?.critical).toBe(true);
    expect(end.getExtension(peculiar.AuthorityKeyIdentifierExtension)?.keyId).toBe(
      middle.getExtension(peculiar.SubjectKeyIdentifierExtension)?.keyId,
    );
    expect(end.issuer).toBe(middle.subject);
    expect(end.notAfter.getTime()).toBe(NOW + HOUR_MS);
    expect(new peculiar.X509Certificate(root.certificateDer).subject).toBe('CN=Tenant root é');
  });

  it('reads its own fields back', () => {
    const fields = readCertificate(leaf);
    expect(fields.publicKeySpki.equals(spki)).toBe(true);
    expect(fields.notAfter).toBe(NOW + HOUR_MS);
    expect(fields.subjectKeyId?.equals(keyIdentifier(spki))).toBe(true);
  });

  it('reads a certificate of another maker', async () => {
    const keys = (await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, [
      'sign',
      'verify',
    ])) as peculiarTypes.X509CertificateCreateSelfSignedParams['keys'];
    const notAfter = new Date('2055-05-05T05:05:05Z');
    const made = await peculiar.X509CertificateGenerator.createSelfSigned({
      name: 'CN=Other, O=Maker',
      keys,
      notBefore: new Date(NOW),
      notAfter,
    });
    const fields = readCertificate(new Uint8Array(made.rawData));
    expect([fields.notAfter, fields.subjectKeyId]).toEqual([notAfter.getTime(), undefined]);
    const key = createSigningKey();
    const leafDer = buildCertificate({
      subject: 'x',
      issuer: fields.subject,
      subjectPublicKeySpki: publicKeySpki(key),
      signerKey: key,
      notBefore: NOW,
      notAfter: NOW + 1000,
      authorityKeyId: keyIdentifier(fields.publicKeySpki),
    });
    expect(new peculiar.X509Certificate(leafDer).issuer).toBe('CN=Other, O=Maker');
  });

  it('signs a validity beyond 2049, and cuts a long common name', () => {
    const far = createRootAuthority('n'.repeat(100), { now: NOW, lifetimeMs: 50 * 365 * 24 * HOUR_MS });
    const certificate = new NodeCertificate(far.certificateDer);
    expect(Date.parse(certificate.validTo)).toBe(NOW + 50 * 365 * 24 * HOUR_MS);
    expect(certificate.subject).toBe(`CN=${'n'.repeat(64)}`);
    expect(toPem(far.certificateDer)).toBe(certificate.toString());
  });

  it('refuses names that are no canonical hosts', () => {
    for (const host of ['A.example', 'a b', 'bücher.example', ''])
      expect(() => chain(['a.example'], [host]), host).toThrow(HostError);
  });
});
