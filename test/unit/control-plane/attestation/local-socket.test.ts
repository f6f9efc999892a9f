import { mkdtempSync, readFileSync, realpathSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../../../common/clock.ts';
import { createLocalAuthority } from '../../../../control-plane/attestation/local.ts';
import { openLocalSocket } from '../../../../control-plane/attestation/local-socket.ts';
import type { LocalSocket } from '../../../../control-plane/attestation/local-socket.ts';
import { requestLocalEvidence } from '../../../../policy-client/attest/local-evidence.ts';
import { ProxyIdentity } from '../../../support/agents/proxy-identity.ts';

const authority = createLocalAuthority(systemClock);
const proxy = new ProxyIdentity();
let folder: string;
let path: string;
let socket: LocalSocket | undefined;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sidekey-local-'));
  path = join(folder, 'local.sock');
});

afterEach(async () => {
  await socket?.close();
  socket = undefined;
  rmSync(folder, { recursive: true });
});

function say(bytes: string): Promise<string> {
  return new Promise((resolve) => {
    let answer = '';
    const client = connect(path, () => client.end(bytes));
    client.on('data', (chunk) => (answer += chunk.toString()));
    client.on('error', () => {});
    client.on('close', () => resolve(answer));
  });
}

describe.runIf(process.platform === 'linux')('local socket', () => {
  test('gives evidence of what the kernel says about the asking process', async () => {
    socket = await openLocalSocket({ path, authority });
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const token = await requestLocalEvidence(path, proxy.spki);
    const presented = { tenant: 'acme', token, proxyKeyThumbprint: proxy.thumbprint };
    const verified = await authority.verify(presented, { type: 'local' }, Date.now());
    const user = readFileSync('/etc/passwd', 'utf8')
      .split('\n')
      .find((line) => line.split(':')[2] === String(process.getuid?.()));
    expect(verified.claims).toEqual({
      local: {
        uid: process.getuid?.(),
        gid: process.getgid?.(),
        pid: process.pid,
        exe: realpathSync(process.execPath),
        user: user?.split(':')[0],
      },
    });
  });

  test('refuses other users', async () => {
    socket = await openLocalSocket({ path, authority, allowedUids: [54_321] });
    await expect(requestLocalEvidence(path, proxy.spki)).rejects.toMatchObject({ code: 'caller-refused' });
  });

  test('refuses malformed requests and keys, and does not wait for ever', async () => {
    socket = await openLocalSocket({ path, authority, timeoutMs: 200 });
    for (const bytes of [
      '\n',
      '{}\n',
      'x'.repeat(5000),
      '{"proxy_key":1}\n',
      '{"proxy_key":"',
      `{"proxy_key":"AAAA"}\n`,
    ]) {
      const answer: unknown = JSON.parse(await say(bytes));
      expect(answer, bytes.slice(0, 20)).toMatchObject({
        error: { code: expect.stringMatching(/evidence-malformed|session-invalid/) },
      });
    }
    const idle = connect(path);
    idle.on('error', () => {});
    await new Promise((resolve) => idle.on('close', resolve));
  });

  test('takes over neither a living socket nor a file', async () => {
    socket = await openLocalSocket({ path, authority });
    await expect(openLocalSocket({ path, authority })).rejects.toMatchObject({ code: 'listen-failed' });
    const file = join(folder, 'file');
    writeFileSync(file, 'precious');
    await expect(openLocalSocket({ path: file, authority })).rejects.toMatchObject({ code: 'listen-failed' });
    expect(readFileSync(file, 'utf8')).toBe('precious');
  });

  test('a socket that is not there is named as such', async () => {
    await expect(requestLocalEvidence(join(folder, 'none'), proxy.spki)).rejects.toMatchObject({
      code: 'local-socket-failed',
    });
  });
});
