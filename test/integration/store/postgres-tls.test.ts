import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openPostgres } from '../../../control-plane/store/postgres-store.ts';
import { makeTlsIdentity } from '../../support/tls-identity.ts';

/** PostgreSQL 55.2.11: SSLRequest is two numbers of 32 bits, 8 and 80877103. */
const SSL_REQUEST = Buffer.from('0000000804d2162f', 'hex');

/** What a `postgres://` URL says of TLS. The server speaks no more than the opening. */
describe('TLS to PostgreSQL', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sidekey-pg-tls-'));
  const identity = makeTlsIdentity(['localhost']);
  const rootFile = join(folder, 'root.pem');
  const seen = { clear: '', encrypted: '' };
  let speaksTls = true;
  let port = 0;
  const server = net.createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', (bytes) => {
      if (!bytes.equals(SSL_REQUEST)) {
        seen.clear += bytes.toString('latin1');
        socket.destroy();
        return;
      }
      socket.write(speaksTls ? 'S' : 'N');
      if (!speaksTls) return;
      const secure = new tls.TLSSocket(socket, { isServer: true, ...identity });
      secure.on('error', () => {});
      secure.on('data', (data) => {
        seen.encrypted += data.toString('latin1');
        secure.destroy();
      });
    });
  });

  beforeAll(async () => {
    writeFileSync(rootFile, identity.caPem);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    port = typeof address === 'object' ? (address?.port ?? 0) : 0;
  });
  beforeEach(() => {
    Object.assign(seen, { clear: '', encrypted: '' });
    speaksTls = true;
  });
  afterAll(async () => {
    await new Promise((resolve) => server.close(resolve));
    rmSync(folder, { recursive: true, force: true });
  });

  /** The causes of the failure, which there always is. */
  async function open(host: string, query: string): Promise<string> {
    const { store, transaction } = openPostgres(`postgres://sidekey@${host}:${port}/sidekey${query}`);
    try {
      await transaction(async (tx) => tx.query('select 1'));
      return '';
    } catch (error) {
      const said: string[] = [];
      for (let at: unknown = error; at instanceof Error; at = at.cause) said.push(at.message);
      return said.join(': ');
    } finally {
      await store.close();
    }
  }

  it('without sslmode everything is in the clear', async () => {
    await open('localhost', '');
    expect(seen).toEqual({ clear: expect.stringContaining('sidekey'), encrypted: '' });
  });

  it.each([
    ['an authority nobody trusts', 'localhost', '', /certificate/],
    ['another name than the certificate’s', '127.0.0.1', `&sslrootcert=${rootFile}`, /127\.0\.0\.1|altnames/],
  ])('verify-full says nothing to a server with %s', async (_, host, more, message) => {
    expect(await open(host, `?sslmode=verify-full${more}`)).toMatch(message);
    expect(seen).toEqual({ clear: '', encrypted: '' });
  });

  it('verify-full never falls back to the clear', async () => {
    speaksTls = false;
    expect(await open('localhost', '?sslmode=verify-full')).toContain('does not support SSL');
    expect(seen).toEqual({ clear: '', encrypted: '' });
  });

  it('verify-full with sslrootcert speaks to the right server, within TLS', async () => {
    await open('localhost', `?sslmode=verify-full&sslrootcert=${rootFile}`);
    expect(seen).toEqual({ clear: '', encrypted: expect.stringContaining('sidekey') });
  });
});
