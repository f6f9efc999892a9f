import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createRootAuthority } from '../../../common/x509/authority.ts';
import { toPem } from '../../../common/x509/certificate.ts';
import { until } from '../../support/until.ts';
import { readMetric } from '../../support/worlds/proxy-world.ts';
import { type ProxyWorld, startProxyWorld } from '../../support/worlds/proxy-world.ts';

const FOREIGN = toPem(createRootAuthority('somebody else').certificateDer);
const LOOKED_MS = 20_000;

let folder: string;
let file: string;
let world: ProxyWorld;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sidekey-trust-'));
  file = join(folder, 'ca.pem');
  writeFileSync(file, FOREIGN);
  const admin = { host: '127.0.0.1', port: 0 };
  const config = { admin, upstreamCaPem: FOREIGN, trustFiles: { upstream: file } };
  world = await startProxyWorld({ listeners: () => config });
});
afterEach(async () => {
  await world.close();
  rmSync(folder, { recursive: true, force: true });
});

function replace(text: string): void {
  writeFileSync(`${file}.new`, text);
  renameSync(`${file}.new`, file);
}

/** The status of a call over TLS, each on a connection of the agent's own. */
async function call(): Promise<number> {
  const { agent } = await world.tlsAgent();
  const host = `api.test:${world.upstream.httpsPort}`;
  return (await agent.exchange(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`)).status;
}

test('--upstream-ca is followed: what it no longer holds vouches for no further call', {
  timeout: 90_000,
}, async () => {
  const faulty = (): Promise<number> => readMetric(world, 'sidekey_trust_files_faulty');
  const trusts = async (times: number): Promise<void> => {
    const message = 'changed authorities are trusted from the next connection on';
    await until('the file was looked at', () => world.logged().split(message).length > times, LOOKED_MS);
  };
  expect([await call(), await faulty()]).toEqual([502, 0]);

  replace(world.upstream.caPem);
  await trusts(1);
  expect([await call(), await call()]).toEqual([200, 200]);
  expect(world.upstream.connections()).toBe(2);

  replace('nothing of use');
  const message = 'changed authorities cannot be used; the old ones are';
  await until('it complained', () => world.logged().includes(message), LOOKED_MS);
  expect(world.logged()).toContain(`--upstream-ca: ${file} holds no certificate in PEM`);
  expect([await call(), await faulty()]).toEqual([200, 1]);

  replace(FOREIGN);
  await trusts(2);
  expect([await call(), await faulty()]).toEqual([502, 0]);
});
