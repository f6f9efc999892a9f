import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import https from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import { afterEach, describe, expect, test } from 'vitest';
import { createRootAuthority, issueIntermediate, issueLeaf, publicKeySpki } from '../../common/x509/authority.ts';
import { createSigningKey } from '../../common/signing-key.ts';
import { toPem } from '../../common/x509/certificate.ts';
import { FakePolicyClient } from '../fakes/policy-client.ts';
import { type ProxyWorld, route, SECRET, startProxyWorld } from '../support/worlds/proxy-world.ts';

let world: ProxyWorld;
afterEach(() => world?.close());

const code = (text: string): string => JSON.parse(text).code;

describe('A-33 A-59 the certificate authority', () => {
  test('an issued one speaks for its hosts alone', async () => {
    const root = createRootAuthority('tenant root');
    const real = FakePolicyClient.prototype.onAuthority;
    FakePolicyClient.prototype.onAuthority = function (this: FakePolicyClient, listener?: (issued: never) => void) {
      const now = Date.now();
      const publicKey = this.proxyKey;
      const intermediate = issueIntermediate(root, {
        publicKey,
        permittedHosts: ['other.test'],
        now,
        notAfter: now + 3_600_000,
      });
      listener?.({ chain: [intermediate, root.certificateDer], permittedHosts: ['other.test'] } as never);
      return () => {};
    } as typeof real;
    try {
      world = await startProxyWorld({
        config: { authority: 'issued' },
        routes: ({ httpsPort }) => [route({ hosts: ['api.test', 'other.test'], ports: [httpsPort] })],
      });
    } finally {
      FakePolicyClient.prototype.onAuthority = real;
    }
    const { tls: permitted } = await world.tlsAgent('other.test');
    expect(permitted.authorized).toBe(true);
    await expect(world.tlsAgent('api.test')).rejects.toThrow();
    expect(world.upstream.connections()).toBe(0);
  });

  test.each([
    ['other.test', true],
    ['api.test', false],
    ['sub.api.test', false],
    ['127.0.0.1', false],
  ] as const)('who steals its key can pass for %s: %s', async (host, passes) => {
    const root = createRootAuthority('tenant root');
    const [stolen, own] = [createSigningKey(), createSigningKey()];
    const times = { now: Date.now(), notAfter: Date.now() + 3_600_000 };
    const permittedHosts = ['other.test'];
    const intermediate = issueIntermediate(root, { publicKey: stolen, permittedHosts, ...times });
    const authority = { certificateDer: intermediate, key: stolen };
    const leaf = issueLeaf(authority, { publicKeySpki: publicKeySpki(own), hosts: [host], ...times });
    const key = own.export({ type: 'pkcs8', format: 'pem' });
    const server = tls.createServer({ key, cert: toPem(leaf) + toPem(intermediate) });
    server.on('tlsClientError', () => {});
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    const servername = host === '127.0.0.1' ? '' : host;
    const client = tls.connect({ port, host: '127.0.0.1', servername, ca: toPem(root.certificateDer) });
    const trusted = await new Promise<boolean>((resolve) => {
      client.once('secureConnect', () => resolve(true));
      client.once('error', () => resolve(false));
    });
    client.destroy();
    server.close();
    expect(trusted).toBe(passes);
  });

  test('the file for the agent holds a certificate and no key, and no key is written anywhere', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'sidekey-ca-'));
    const caFile = join(folder, 'ca.pem');
    world = await startProxyWorld({ config: { caFile } });
    const pem = readFileSync(caFile, 'utf8');
    expect(pem.match(/BEGIN/g)).toHaveLength(1);
    expect(pem).toContain('BEGIN CERTIFICATE');
    expect(readdirSync(folder)).toEqual(['ca.pem']);
    expect(statSync(caFile).mode & 0o022).toBe(0);
    rmSync(folder, { recursive: true });
  });
});

describe('A-40 an upstream that cannot prove who it is gets nothing', () => {
  interface Claims {
    readonly hosts: string[];
    readonly trusted: boolean;
    readonly notAfter?: number;
    readonly tls?: tls.TlsOptions;
  }

  async function upstreamWith(options: Claims) {
    const root = createRootAuthority('another root');
    const key = createSigningKey();
    const now = Date.now() - 7_200_000;
    const notAfter = options.notAfter ?? Date.now() + 3_600_000;
    const leaf = issueLeaf(root, { publicKeySpki: publicKeySpki(key), hosts: options.hosts, now, notAfter });
    const seen: string[] = [];
    const server = https.createServer(
      { key: key.export({ type: 'pkcs8', format: 'pem' }), cert: toPem(leaf), ...options.tls },
      (request, response) => {
        seen.push(request.headers.authorization ?? '');
        response.end('ok');
      },
    );
    server.on('tlsClientError', () => {});
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    const caPem = options.trusted ? toPem(root.certificateDer) : '';
    world = await startProxyWorld({
      routes: () => [route({ ports: [port], tls: { mode: 0, caPem, serverName: '' } })],
    });
    const { agent } = await world.tlsAgent('api.test', port);
    const answer = await agent.exchange(`GET / HTTP/1.1\r\nHost: api.test:${port}\r\n\r\n`);
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    return { answer, seen };
  }

  test.each<[string, Claims]>([
    ['an authority that nobody trusts', { hosts: ['api.test'], trusted: false }],
    ['another name', { hosts: ['other.test'], trusted: true }],
    ['a certificate that is over', { hosts: ['api.test'], trusted: true, notAfter: Date.now() - 60_000 }],
    [
      'TLS 1.1',
      {
        hosts: ['api.test'],
        trusted: true,
        tls: { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' },
      },
    ],
  ])('%s', async (_name, options) => {
    const { answer, seen } = await upstreamWith(options);
    expect(code(answer.text)).toBe('upstream-tls-failed');
    expect(seen).toEqual([]);
  });

  test('one that can, does', async () => {
    const { answer, seen } = await upstreamWith({ hosts: ['api.test'], trusted: true });
    expect(answer.status).toBe(200);
    expect(seen).toEqual([`Bearer ${SECRET}`]);
  });

  test('a new trust anchor is not got round by resuming an old session', async () => {
    world = await startProxyWorld();
    const { agent } = await world.tlsAgent();
    const get = `GET / HTTP/1.1\r\nHost: api.test:${world.upstream.httpsPort}\r\n\r\n`;
    expect((await agent.exchange(get)).status).toBe(200);
    const tlsFor = { mode: 0, caPem: '', serverName: 'renamed.test' } as const;
    world.client.setRoutes([route({ ports: [world.upstream.httpsPort], tls: tlsFor })]);
    expect(code((await agent.exchange(get)).text)).toBe('upstream-tls-failed');
    expect(world.upstream.seen).toHaveLength(1);
  });
});
