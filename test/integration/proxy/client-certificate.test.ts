import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { BoundedCache } from '../../../common/bounded-cache.ts';
import { createRootAuthority, issueLeaf, publicKeySpki } from '../../../common/x509/authority.ts';
import { createSigningKey } from '../../../common/signing-key.ts';
import { toPem } from '../../../common/x509/certificate.ts';
import { Grant, type Injection } from '../../../proto/gen/sidekey/v1/grant.ts';
import { type ClientCertificate, injectCredential, InjectionError } from '../../../proxy/credentials/inject.ts';
import { type DialTarget, withClientCertificate } from '../../../proxy/http/request/dial-target.ts';
import { dial, TrustedContexts } from '../../../proxy/io/upstream/dial.ts';
import { injectableRequest } from '../../support/protocols/injectable-request.ts';

/** A server that asks for certificates of its own authority and answers with the name it saw. */
const root = createRootAuthority('mtls root');
const times = { now: Date.now(), notAfter: Date.now() + 3_600_000 };
const serverKey = createSigningKey();
const serverLeaf = issueLeaf(root, { publicKeySpki: publicKeySpki(serverKey), hosts: ['localhost'], ...times });
let server: tls.Server;

beforeAll(async () => {
  const options = {
    key: serverKey.export({ type: 'pkcs8', format: 'pem' }),
    cert: toPem(serverLeaf),
    ca: toPem(root.certificateDer),
    requestCert: true,
    rejectUnauthorized: true,
  };
  server = tls.createServer(options, (socket) => {
    socket.on('error', () => {});
    socket.end(String(socket.getPeerCertificate().subject?.CN ?? 'nobody'));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterAll(() => server.close());

function identity(name: string): { certificatePem: string; privateKey: Buffer } {
  const key = createSigningKey();
  const usages = ['clientAuth'] as const;
  const leaf = issueLeaf(root, { publicKeySpki: publicKeySpki(key), hosts: [`${name}.test`], name, usages, ...times });
  return { certificatePem: toPem(leaf), privateKey: Buffer.from(key.export({ type: 'pkcs8', format: 'pem' })) };
}

function injected(value: { certificatePem: string; privateKey: Buffer }, scheme = 'https'): ClientCertificate {
  const destination = { scheme, host: 'localhost', port: 443 };
  const injections: Injection[] = [{ kind: { $case: 'clientCertificate', value } }];
  const grant = { ...Grant.fromPartial({ binding: { destination, method: 'GET' } }), injections };
  const request = injectableRequest({ destination, method: 'GET', cleartextAllowed: true });
  const { clientCertificate } = injectCredential(grant, request);
  if (clientCertificate === undefined) throw new Error('no certificate was injected');
  return clientCertificate;
}

const contexts = new TrustedContexts(toPem(root.certificateDer));
const sessions = new BoundedCache<string, Buffer>(16);

async function greeting(target: DialTarget): Promise<string> {
  const tlsWith = { context: contexts.for('', target.clientCertificate), sessions };
  const timeouts = { connectTimeoutMs: 10_000, tlsHandshakeTimeoutMs: 10_000 };
  const { socket } = await dial(target, [{ address: '127.0.0.1' }], tlsWith, timeouts);
  const texts: string[] = [];
  // With TLS 1.3 the server's refusal comes after the handshake.
  return new Promise((resolve, reject) => {
    socket.on('data', (bytes: Buffer) => texts.push(bytes.toString()));
    socket.on('error', reject);
    socket.on('close', () => resolve(texts.join('')));
  });
}

function bare(): DialTarget {
  const { port } = server.address() as AddressInfo;
  const at = { key: 'mtls', host: 'localhost', port, tls: true, versions: ['http/1.1'] } as const;
  return { ...at, serverName: undefined, caPem: '', allowedAddresses: [] };
}

test('the upstream sees the certificate of the grant, each of its own', async () => {
  const alice = withClientCertificate(bare(), injected(identity('alice')));
  const bob = withClientCertificate(bare(), injected(identity('bob')));
  expect(new Set([bare().key, alice.key, bob.key]).size).toBe(3);
  expect(await greeting(alice)).toBe('alice');
  expect(await greeting(bob)).toBe('bob');
  expect(await greeting(alice)).toBe('alice');
  await expect(greeting(bare())).rejects.toThrow(/certificate required|handshake failure|ECONNRESET/i);
});

test("a certificate that openssl made serves, and its key is not the next one's", async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sidekey-mtls-'));
  try {
    const file = (name: string): string => join(folder, name);
    const made = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-subj', '/CN=carol', '-days', '1'];
    execFileSync('openssl', [...made, '-keyout', file('key.pem'), '-out', file('cert.pem')], { stdio: 'pipe' });
    const certificatePem = readFileSync(file('cert.pem'), 'utf8');
    const privateKey = readFileSync(file('key.pem'));
    expect(injected({ certificatePem, privateKey }).certificatePem).toBe(certificatePem);
    expect(() => injected({ certificatePem, privateKey: identity('dave').privateKey })).toThrow(InjectionError);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('A-64: without TLS there is nothing to present it in', () => {
  expect(() => injected(identity('alice'), 'http')).toThrow(/needs TLS/);
});
