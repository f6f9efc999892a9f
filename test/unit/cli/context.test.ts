import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { readContext } from '../../../cli/context.ts';
import { createRootAuthority } from '../../../common/x509/authority.ts';
import { toPem } from '../../../common/x509/certificate.ts';
import { reachable } from '../../../cli/start-control-plane.ts';

const SAVED = 'https://127.0.0.1:7444';
const CA = toPem(createRootAuthority('saved').certificateDer);
const OTHER = 'https://sidekey.example.com';

describe('readContext', () => {
  let home = '';
  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), 'sidekey-context-'));
    const file = (name: string, text: string): string => {
      writeFileSync(join(home, name), text);
      return join(home, name);
    };
    const [caFile, tokenFile] = [file('ca.pem', CA), file('token', 'saved-token\n')];
    file('context.json', JSON.stringify({ server: SAVED, tenant: 'saved-tenant', caFile, tokenFile }));
    file('other-token', 'other-token');
    for (const name of ['SERVER', 'TENANT', 'TOKEN', 'TOKEN_FILE', 'CA_FILE']) vi.stubEnv(`SIDEKEY_${name}`, undefined);
    vi.stubEnv('SIDEKEY_HOME', home);
  });
  afterEach(() => {
    vi.unstubAllEnvs();
    rmSync(home, { recursive: true });
  });

  it.each([undefined, SAVED, `${SAVED}/`, 'HTTPS://127.0.0.1:7444'])('uses all that was left for %s', (server) => {
    const context = readContext(server === undefined ? {} : { server });
    expect(context).toMatchObject({ tenant: 'saved-tenant', caPem: CA });
    expect(context.token.reveal()).toBe('saved-token');
  });

  it('takes an empty file for no token', () => {
    const tokenFile = join(home, 'empty');
    writeFileSync(tokenFile, '\n');
    expect(() => readContext({ server: OTHER, tokenFile })).toThrow(`--token-file: ${tokenFile} is empty`);
  });

  it('shows no other server the token, authority or tenant that was left', () => {
    expect(() => readContext({ server: OTHER })).toThrow(expect.objectContaining({ code: 'no-token' }));
    vi.stubEnv('SIDEKEY_SERVER', OTHER);
    expect(() => readContext({})).toThrow(expect.objectContaining({ code: 'no-token' }));
    const context = readContext({ tokenFile: join(home, 'other-token') });
    expect(context).toMatchObject({ server: OTHER, tenant: 'default' });
    expect(context).not.toHaveProperty('caPem');
  });

  it.each(['TOKEN', 'TOKEN_FILE'])('keeps SIDEKEY_%s from a server that only was left behind', (name) => {
    vi.stubEnv(`SIDEKEY_${name}`, name === 'TOKEN' ? 'other-token' : join(home, 'other-token'));
    expect(() => readContext({})).toThrow(expect.objectContaining({ code: 'token-without-server' }));
    expect(readContext({ server: OTHER }).token.reveal()).toBe('other-token');
    vi.stubEnv(`SIDEKEY_${name}`, name === 'TOKEN' ? 'saved-token' : join(home, 'token'));
    expect(readContext({}).token.reveal()).toBe('saved-token');
  });
});

describe('reachable', () => {
  it.each([
    ['https://0.0.0.0:7444', 'https://127.0.0.1:7444'],
    ['0.0.0.0:7443', '127.0.0.1:7443'],
    ['https://[::]:7444', 'https://[::1]:7444'],
    ['https://10.0.0.0:7444', 'https://10.0.0.0:7444'],
  ])('%s is reached at %s', (listening, expected) => expect(reachable(listening)).toBe(expected));
});
