import type { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';
import { TLSSocket, connect as tlsConnect, type ConnectionOptions } from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';
import { createRootAuthority, issueIntermediate } from '../../../../common/x509/authority.ts';
import { createSigningKey } from '../../../../common/signing-key.ts';
import {
  createIssuedAuthority,
  createLocalAuthority,
  CertificateAuthorityError,
  type CertificateAuthority,
} from '../../../../proxy/intercept/certificate-authority.ts';

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

/** Serves TLS as `host`, whatever name the client asks for. */
async function serve(authority: CertificateAuthority, hosts: () => string): Promise<number> {
  const server = createServer((socket) => {
    const tls = new TLSSocket(socket, { isServer: true, secureContext: authority.secureContextFor(hosts()) });
    tls.on('error', () => undefined);
    socket.on('error', () => undefined);
    tls.end('hello');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(() => server.close());
  return (server.address() as AddressInfo).port;
}

interface Answer {
  text: string;
  peer: X509Certificate | undefined;
  reused: boolean;
  cipher: string;
  session: Buffer | undefined;
}

async function call(port: number, host: string, options: ConnectionOptions): Promise<Answer> {
  const raw = connect(port, '127.0.0.1');
  const isName = !/^[0-9.]+$|:/.test(host);
  const tls = tlsConnect({ socket: raw, host, ...(isName ? { servername: host } : {}), ...options });
  let session: Buffer | undefined;
  tls.on('session', (ticket) => {
    session = ticket;
  });
  let text = '';
  tls.on('data', (bytes) => {
    text += String(bytes);
  });
  await once(tls, 'secureConnect');
  const answer = {
    peer: tls.getPeerX509Certificate(),
    reused: tls.isSessionReused(),
    cipher: tls.getCipher().standardName,
  };
  await once(tls, 'close');
  return { ...answer, text, session };
}

function issued(permittedHosts: string[], now = Date.now()): CertificateAuthority {
  const root = createRootAuthority('tenant root');
  const key = createSigningKey();
  const intermediate = issueIntermediate(root, { publicKey: key, permittedHosts, now, notAfter: now + 3_600_000 });
  return createIssuedAuthority(key, [intermediate, root.certificateDer], permittedHosts);
}

describe.each([
  ['local', () => createLocalAuthority()],
  ['issued', () => issued(['api.example.com', '*.example.org', '10.1.2.3', 'fd00::1'])],
])('%s authority', (_, make) => {
  it.each(['api.example.com', 'a.b.example.org', '10.1.2.3', 'fd00::1'])('speaks TLS as %s', async (host) => {
    const authority = make();
    const port = await serve(authority, () => host);
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      const answer = await call(port, host, { ca: authority.rootPem, maxVersion });
      expect(answer.text).toBe('hello');
    }
    await expect(call(port, 'other.example', { ca: authority.rootPem })).rejects.toThrow();
    await expect(call(port, host, { ca: createLocalAuthority().rootPem })).rejects.toThrow();
  });

  it('resumes sessions of the same host only', async () => {
    const authority = make();
    let host = 'api.example.com';
    const port = await serve(authority, () => host);
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      host = 'api.example.com';
      const first = await call(port, host, { ca: authority.rootPem, maxVersion });
      expect(first.reused).toBe(false);
      const session = first.session ?? Buffer.alloc(0);
      const again = await call(port, host, { ca: authority.rootPem, maxVersion, session });
      expect(again.reused).toBe(true);
      host = 'b.example.org';
      const other = await call(port, host, { ca: authority.rootPem, maxVersion, session }).catch(() => undefined);
      expect(other?.reused ?? false).toBe(false);
    }
  });
});

describe('limits of an authority', () => {
  it('takes the cheapest cipher suite that the client offers, whatever it likes best', async () => {
    const authority = createLocalAuthority();
    const port = await serve(authority, () => 'api.example.com');
    const trusted = { ca: authority.rootPem };
    const cheapest = 'TLS_AES_128_GCM_SHA256';
    expect((await call(port, 'api.example.com', trusted)).cipher).toBe(cheapest);
    const last = { ...trusted, ciphers: `TLS_AES_256_GCM_SHA384:${cheapest}` };
    expect((await call(port, 'api.example.com', last)).cipher).toBe(cheapest);
    const without = { ...trusted, ciphers: 'TLS_AES_256_GCM_SHA384' };
    expect((await call(port, 'api.example.com', without)).cipher).toBe('TLS_AES_256_GCM_SHA384');
  });

  it('refuses hosts that it is not permitted', () => {
    const authority = issued(['api.example.com', '*.example.org']);
    expect(authority.permits('api.example.com')).toBe(true);
    expect(authority.permits('x.api.example.com')).toBe(false);
    expect(authority.permits('example.org')).toBe(false);
    expect(() => authority.secureContextFor('example.org')).toThrow(CertificateAuthorityError);
    expect(issued([]).permits('a.example')).toBe(false);
    expect(createLocalAuthority().permits('anything.example')).toBe(true);
  });

  it('a stolen key cannot speak for other hosts: clients check the constraints', async () => {
    const root = createRootAuthority('tenant root');
    const key = createSigningKey();
    const now = Date.now();
    for (const permittedHosts of [['api.example.com'], ['10.0.0.1'], []]) {
      const intermediate = issueIntermediate(root, { publicKey: key, permittedHosts, now, notAfter: now + 3_600_000 });
      const thief = createIssuedAuthority(
        key,
        [intermediate, root.certificateDer],
        ['evil.example', '10.9.9.9', 'fd00::9'],
      );
      for (const host of ['evil.example', '10.9.9.9', 'fd00::9']) {
        const port = await serve(thief, () => host);
        await expect(call(port, host, { ca: thief.rootPem }), `${permittedHosts} ${host}`).rejects.toThrow(
          /permitted|excluded/,
        );
      }
    }
  });

  it('refuses a chain for another key or without a root', () => {
    const root = createRootAuthority('root');
    const now = Date.now();
    const intermediate = issueIntermediate(root, {
      publicKey: createSigningKey(),
      permittedHosts: [],
      now,
      notAfter: now + 1000,
    });
    expect(() => createIssuedAuthority(createSigningKey(), [intermediate, root.certificateDer], [])).toThrow(
      'another key',
    );
    expect(() => createIssuedAuthority(createSigningKey(), [intermediate], [])).toThrow('no root');
  });

  it('keeps a context until it is due for renewal, and stops when the authority ends', () => {
    let now = Date.now();
    const authority = createLocalAuthority({ now: () => now });
    const first = authority.secureContextFor('a.example');
    now += 8 * 3_600_000;
    expect(authority.secureContextFor('a.example')).toBe(first);
    now += 2 * 3_600_000;
    expect(authority.secureContextFor('a.example')).not.toBe(first);
    now = authority.notAfter;
    expect(() => authority.secureContextFor('b.example')).toThrow('expired');
  });

  it('never lets a leaf outlive its issuer', async () => {
    const authority = issued(['api.example.com']);
    const port = await serve(authority, () => 'api.example.com');
    const { peer } = await call(port, 'api.example.com', { ca: authority.rootPem });
    expect(Date.parse(peer?.validTo ?? '')).toBeLessThanOrEqual(authority.notAfter);
    expect(peer?.subjectAltName).toBe('DNS:api.example.com');
  });

  it('holds a bounded number of contexts', () => {
    const authority = createLocalAuthority();
    const first = authority.secureContextFor('h0.example');
    for (let index = 1; index <= 1024; index += 1) authority.secureContextFor(`h${index}.example`);
    expect(authority.secureContextFor('h0.example')).not.toBe(first);
  });
});
