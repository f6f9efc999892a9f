import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TLSSocket, type SecureContext } from 'node:tls';
import { promisify } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';
import { createRootAuthority, issueIntermediate, issueLeaf, publicKeySpki } from '../../../common/x509/authority.ts';
import { createSigningKey } from '../../../common/signing-key.ts';
import { toPem } from '../../../common/x509/certificate.ts';
import {
  createIssuedAuthority,
  createLocalAuthority,
  type CertificateAuthority,
} from '../../../proxy/intercept/certificate-authority.ts';

const run = promisify(execFile);
const folder = mkdtempSync(join(tmpdir(), 'sidekey-x509-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const HOUR_MS = 3_600_000;

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

/** What `openssl verify -x509_strict` says of a leaf for `host` under an intermediate for `permittedHosts`. */
async function opensslVerify(permittedHosts: string[], host: string): Promise<string> {
  const root = createRootAuthority('root');
  const key = createSigningKey();
  const now = Date.now();
  const intermediate = issueIntermediate(root, { publicKey: key, permittedHosts, now, notAfter: now + HOUR_MS });
  const leaf = issueLeaf(
    { certificateDer: intermediate, key },
    { publicKeySpki: publicKeySpki(createSigningKey()), hosts: [host], now, notAfter: now + HOUR_MS },
  );
  const byName = /^[0-9.]+$|:/.test(host) ? '-verify_ip' : '-verify_hostname';
  const args = [
    'verify',
    '-x509_strict',
    '-purpose',
    'sslserver',
    byName,
    host,
    '-CAfile',
    file('root.pem', toPem(root.certificateDer)),
    '-untrusted',
    file('middle.pem', toPem(intermediate)),
    file('leaf.pem', toPem(leaf)),
  ];
  return run('openssl', args).then(
    ({ stdout }) => stdout.trim(),
    (error: { stderr: string }) => error.stderr,
  );
}

describe('openssl verify -x509_strict', () => {
  it.each([
    [['api.example.com'], 'api.example.com'],
    [['*.example.com'], 'a.b.example.com'],
    [['*.example.com', '10.0.0.1', 'fd00::1'], '10.0.0.1'],
    [['*.example.com', '10.0.0.1', 'fd00::1'], 'fd00::1'],
    [Array.from({ length: 300 }, (_, index) => `h${index}.example.com`), 'h299.example.com'],
  ])('accepts %j for %s', async (permittedHosts, host) => {
    expect(await opensslVerify(permittedHosts, host)).toMatch(/leaf\.pem: OK$/);
  });

  it.each([
    [['api.example.com'], 'api.example.org'],
    [['api.example.com'], 'badapi.example.com'],
    [['api.example.com'], '10.0.0.1'],
    [['api.example.com'], 'fd00::1'],
    [['10.0.0.1'], '10.0.0.2'],
    [['10.0.0.1'], 'fd00::1'],
    [['10.0.0.1'], 'api.example.com'],
    [[], 'api.example.com'],
    [[], '10.0.0.1'],
  ])('refuses %j for %s', async (permittedHosts, host) => {
    expect(await opensslVerify(permittedHosts, host)).toMatch(/permitted subtree violation|excluded subtree violation/);
  });

  it('refuses a further authority below the intermediate, and an intermediate without its root', async () => {
    const root = createRootAuthority('root');
    const [key, below] = [createSigningKey(), createSigningKey()];
    const times = { now: Date.now(), notAfter: Date.now() + HOUR_MS };
    const middle = issueIntermediate(root, { publicKey: key, permittedHosts: ['a.example'], ...times });
    const further = issueIntermediate(
      { certificateDer: middle, key },
      { publicKey: below, permittedHosts: ['a.example'], ...times, name: 'further' },
    );
    const leaf = issueLeaf(
      { certificateDer: further, key: below },
      { publicKeySpki: publicKeySpki(createSigningKey()), hosts: ['a.example'], ...times },
    );
    const untrusted = file('untrusted.pem', toPem(middle) + toPem(further));
    const args = [
      'verify',
      '-x509_strict',
      '-CAfile',
      file('r.pem', toPem(root.certificateDer)),
      '-untrusted',
      untrusted,
      file('l.pem', toPem(leaf)),
    ];
    await expect(run('openssl', args)).rejects.toThrow(/path length constraint exceeded/);
    const other = file('other.pem', toPem(createRootAuthority('root').certificateDer));
    await expect(
      run('openssl', ['verify', '-x509_strict', '-CAfile', other, file('m.pem', toPem(middle))]),
    ).rejects.toThrow();
  });
});

/** Calls a TLS server with Python's strictest verification and prints the answer and what was negotiated. */
const PYTHON = `
import socket, ssl, sys
host, port, ca = sys.argv[1], int(sys.argv[2]), sys.argv[3]
context = ssl.create_default_context(cafile=ca)
context.verify_flags |= ssl.VERIFY_X509_STRICT
with socket.create_connection(("127.0.0.1", port)) as raw:
    with context.wrap_socket(raw, server_hostname=host) as tls:
        print(tls.version(), tls.recv(100).decode())
`;

async function serve(context: SecureContext): Promise<{ port: number; close: () => void }> {
  const server = createServer((socket) => {
    const tls = new TLSSocket(socket, { isServer: true, secureContext: context });
    tls.on('error', () => undefined);
    socket.on('error', () => undefined);
    tls.end('hello');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { port: (server.address() as AddressInfo).port, close: () => server.close() };
}

function issued(permittedHosts: string[]): CertificateAuthority {
  const root = createRootAuthority('root');
  const key = createSigningKey();
  const now = Date.now();
  const intermediate = issueIntermediate(root, { publicKey: key, permittedHosts, now, notAfter: now + HOUR_MS });
  return createIssuedAuthority(key, [intermediate, root.certificateDer], permittedHosts);
}

describe('real handshakes', () => {
  it.each([
    ['issued', issued(['*.example.com', '127.0.0.1', '::1'])],
    ['local', createLocalAuthority()],
  ])('python3 ssl, strict: %s', async (name, authority) => {
    const ca = file(`${name}.pem`, authority.rootPem);
    for (const host of ['a.example.com', '127.0.0.1', '::1']) {
      const { port, close } = await serve(authority.secureContextFor(host));
      try {
        const { stdout } = await run('python3', ['-c', PYTHON, host, String(port), ca]);
        expect(stdout.trim()).toBe('TLSv1.3 hello');
        await expect(run('python3', ['-c', PYTHON, 'b.example.org', String(port), ca])).rejects.toThrow(
          /CERTIFICATE_VERIFY_FAILED/,
        );
      } finally {
        close();
      }
    }
  });

  it('curl and openssl s_client', async () => {
    const authority = issued(['a.example.com']);
    const ca = file('curl.pem', authority.rootPem);
    const { port, close } = await serve(authority.secureContextFor('a.example.com'));
    try {
      const { stdout } = await run('curl', [
        '-sS',
        '--http0.9',
        '--cacert',
        ca,
        '--resolve',
        `a.example.com:${port}:127.0.0.1`,
        `https://a.example.com:${port}/`,
      ]);
      expect(stdout).toBe('hello');
      const args = [
        's_client',
        '-connect',
        `127.0.0.1:${port}`,
        '-servername',
        'a.example.com',
        '-CAfile',
        ca,
        '-verify_return_error',
        '-x509_strict',
        '-verify_hostname',
        'a.example.com',
      ];
      const client = await run('openssl', args);
      expect(client.stdout).toContain('Verify return code: 0 (ok)');
    } finally {
      close();
    }
  });
});
