import { createPublicKey } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SignJWT } from 'jose';
import { createRootAuthority, issueLeaf, publicKeySpki } from '../common/x509/authority.ts';
import { createSigningKey } from '../common/signing-key.ts';
import { toPem } from '../common/x509/certificate.ts';
import { CREDENTIAL } from './credential.ts';

/** A certificate for localhost from a throw-away root, and an identity token issuer with a static key. */
export async function makeIdentities(): Promise<{
  tls: { key: string; cert: string };
  caPem: string;
  jwks: { keys: Record<string, unknown>[] };
  token: string;
  folder: string;
}> {
  const now = Date.now();
  const root = createRootAuthority('bench', { now, lifetimeMs: 86_400_000 });
  const key = createSigningKey();
  const leaf = issueLeaf(root, {
    publicKeySpki: publicKeySpki(key),
    hosts: ['localhost', '127.0.0.1'],
    now,
    notAfter: now + 86_400_000,
  });
  const signing = createSigningKey();
  const jwk = { ...createPublicKey(signing).export({ format: 'jwk' }), kid: 'bench', alg: 'ES256', use: 'sig' };
  const token = await new SignJWT({ job: 'bench' })
    .setProtectedHeader({ alg: 'ES256', kid: 'bench' })
    .setIssuer('https://issuer.bench.example')
    .setAudience('sidekey')
    .setSubject('bench-agent')
    .setIssuedAt()
    .setExpirationTime('12h')
    .sign(signing);
  return {
    tls: { key: key.export({ type: 'pkcs8', format: 'pem' }).toString(), cert: toPem(leaf) },
    caPem: toPem(root.certificateDer),
    jwks: { keys: [jwk as Record<string, unknown>] },
    token,
    folder: mkdtempSync(join(tmpdir(), 'sidekey-bench-')),
  };
}

/** The policy of the bench: one agent, a server workload for each port of the upstream, one static credential. */
export function benchPolicy(jwks: unknown, ports: Readonly<Record<string, number>>): unknown[] {
  const resource = (kind: string, name: string, spec: unknown): unknown => ({
    apiVersion: 'sidekey.dev/v1',
    kind,
    metadata: { name },
    spec,
  });
  const policy = (name: string): unknown =>
    resource('AccessPolicy', `bench-${name}`, {
      clientWorkload: 'bench',
      serverWorkload: name,
      rules: [{ methods: ['GET', 'POST'] }],
      ...(name.startsWith('open') ? {} : { credentials: [{ provider: 'bench', inject: { type: 'bearer' } }] }),
      leaseSeconds: 300,
    });
  const allowedAddresses = ['127.0.0.1/32', '::1/128'];
  return [
    resource('TrustProvider', 'bench', {
      type: 'oidc',
      issuer: 'https://issuer.bench.example',
      audience: 'sidekey',
      jwks: { inline: jwks },
    }),
    resource('ClientWorkload', 'bench', { selectors: { all: [{ claim: 'oidc.sub', equals: 'bench-agent' }] } }),
    ...Object.entries(ports).map(([name, port]) =>
      resource('ServerWorkload', name, {
        hosts: ['localhost'],
        ports: [port],
        protocol: 'http',
        ...(name.endsWith('plain') ? { tls: { mode: 'plaintext' } } : {}),
        allowedAddresses,
      }),
    ),
    resource('CredentialProvider', 'bench', { type: 'static', secret: { value: CREDENTIAL } }),
    ...Object.keys(ports).map(policy),
  ];
}
