import { request } from 'node:https';
import type { IncomingMessage } from 'node:http';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Secret } from '../../../common/secret.ts';
import { createRootAuthority, issueLeaf, publicKeySpki } from '../../../common/x509/authority.ts';
import { createSigningKey } from '../../../common/signing-key.ts';
import { toPem } from '../../../common/x509/certificate.ts';
import type { RestDependencies } from '../../../control-plane/api/rest/dependencies.ts';
import { type RestServer, startRestServer } from '../../../control-plane/api/rest/server.ts';
import type { DecisionEntry } from '../../../control-plane/audit/decision-entry.ts';
import { documents, head } from '../../support/control-plane/resource-documents.ts';

const root = createRootAuthority('test root');
let server: RestServer;
let emit: ((entries: readonly DecisionEntry[]) => void) | undefined;
let stopped = 0;
let nowMs = 0;

beforeAll(async () => {
  const key = createSigningKey();
  const leaf = issueLeaf(root, {
    publicKeySpki: publicKeySpki(key),
    hosts: ['localhost', '127.0.0.1'],
    now: Date.now(),
    notAfter: Date.now() + 3_600_000,
  });
  const tenants = documents(`${head('Tenant', 'default')} {}`);
  const unused = (): never => {
    throw new Error('not part of this test');
  };
  const dependencies: RestDependencies = {
    authenticate: (token) =>
      Promise.resolve(
        token === 'good'
          ? { subject: 'test', tenants: '*', notAfter: 60_000 }
          : { subject: undefined, message: 'not this one' },
      ),
    resources: { apply: unused, delete: unused, list: () => Promise.resolve(tenants), listTenants: unused },
    revocations: { revoke: unused, lift: unused, list: unused },
    sessions: { list: unused },
    decisions: {
      query: unused,
      verify: unused,
      verifyCheckpoints: unused,
      follow: (_tenant, _filter, _from, onEntries) => {
        emit = onEntries;
        return Promise.resolve(() => {
          stopped += 1;
          return Promise.resolve();
        });
      },
    },
    explain: unused,
    placeholders: unused,
    rotateKeys: unused,
    issuer: { discovery: () => ({}), jwks: () => ({}) },
    notReady: () => Promise.resolve(undefined),
    clock: { now: () => nowMs },
    onError: () => {},
  };
  server = await startRestServer(dependencies, {
    host: '127.0.0.1',
    port: 0,
    tls: {
      certificatePem: toPem(leaf),
      privateKeyPem: new Secret(key.export({ type: 'pkcs8', format: 'pem' })),
    },
  });
});
afterAll(() => server.close());

function get(path: string, token = 'good', tenant = 'default'): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const call = request(server.url + path, {
      ca: toPem(root.certificateDer),
      headers: { authorization: `Bearer ${token}`, 'sidekey-tenant': tenant },
      agent: false,
    });
    call.on('response', resolve);
    call.on('error', reject);
    call.end();
  });
}

function collect(answer: IncomingMessage): { text: string; ended: boolean } {
  const seen = { text: '', ended: false };
  answer.setEncoding('utf8');
  answer.on('data', (text: string) => {
    seen.text += text;
  });
  answer.on('close', () => {
    seen.ended = true;
  });
  answer.on('error', () => {});
  return seen;
}

const entry = (position: number): DecisionEntry => ({ position, id: `d${position}` }) as DecisionEntry;

it('cuts off the oldest follower when a tenant has too many, and none of another', async () => {
  const before = stopped;
  const other = await get('/v1/decisions?follow=true', 'good', 'other');
  const elsewhere = collect(other);
  const answers = [];
  for (let count = 0; count < 65; count += 1) answers.push(await get('/v1/decisions?follow=true'));
  const followers = answers.map(collect);
  await expect.poll(() => followers.filter(({ ended }) => ended).length).toBe(1);
  expect(followers[0]?.ended).toBe(true);
  expect(elsewhere.ended).toBe(false);
  for (const answer of [other, ...answers]) answer.destroy();
  await expect.poll(() => stopped).toBe(before + 66);
});

it('speaks TLS only, verified against its authority', async () => {
  expect((await get('/healthz')).statusCode).toBe(200);
  expect((await get('/v1/decisions?follow=true', 'bad')).statusCode).toBe(401);
  await expect(fetch(server.url.replace('https:', 'http:'))).rejects.toThrow();
});

it('sends each decision as one line the moment it is there, and stops following when the reader goes', async () => {
  const answer = await get('/v1/decisions?follow=true');
  expect(answer.headers['content-type']).toBe('application/x-ndjson');
  const seen = collect(answer);
  emit?.([entry(1), entry(2)]);
  await expect
    .poll(() =>
      seen.text
        .trim()
        .split('\n')
        .filter((line) => line !== ''),
    )
    .toHaveLength(2);
  expect(JSON.parse(seen.text.trim().split('\n')[0] ?? '')).toMatchObject({ id: 'd1' });
  const before = stopped;
  answer.destroy();
  await expect.poll(() => stopped).toBe(before + 1);
});

it('ends with the token of who follows, who is sent nothing that comes later', async () => {
  const answer = await get('/v1/decisions?follow=true');
  const seen = collect(answer);
  nowMs = 59_999;
  emit?.([entry(1)]);
  await expect.poll(() => seen.text).toContain('d1');
  expect(seen.ended).toBe(false);
  nowMs = 60_000;
  emit?.([entry(2)]);
  await expect.poll(() => seen.ended).toBe(true);
  expect(seen.text).not.toContain('d2');
  expect(answer.complete).toBe(true);
  nowMs = 0;
});

it('cuts a reader that does not read', async () => {
  const answer = await get('/v1/decisions?follow=true');
  answer.pause();
  const before = stopped;
  const big = { ...entry(3), path: 'x'.repeat(1_000_000) };
  for (let sent = 0; sent < 40; sent += 1) emit?.([big]);
  await expect.poll(() => stopped).toBe(before + 1);
  answer.on('error', () => {});
  answer.destroy();
});

it('ends followers when it closes', async () => {
  const seen = collect(await get('/v1/decisions?follow=true'));
  await server.close();
  await expect.poll(() => seen.ended).toBe(true);
});
