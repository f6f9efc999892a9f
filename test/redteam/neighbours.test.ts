import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ControlPlaneProcess } from '../support/control-plane/control-plane-process.ts';
import { resource } from '../support/control-plane/control-plane.ts';

// The administrator of one tenant against the control plane that it shares with others.
const DEPTH = 3_000;
const KEYS = 20_000;

const folder = mkdtempSync(join(tmpdir(), 'sidekey-neighbours-'));
let plane: ControlPlaneProcess;
beforeAll(async () => {
  plane = await ControlPlaneProcess.start(folder);
}, 120_000);
afterAll(async () => {
  await plane.close();
  rmSync(folder, { recursive: true, force: true });
});

test.each([
  ['A-53: flow lists', `${'['.repeat(DEPTH)}${']'.repeat(DEPTH)}`],
  ['A-53: flow maps', `${'{a: '.repeat(DEPTH)}1${'}'.repeat(DEPTH)}`],
  ['A-53: block lists', `${'- '.repeat(DEPTH)}1`],
  ['A-53: a map within itself', 'a: &a {b: *a, c: *a}'],
])('%s nested without end are refused, and do not end the process', async (_, documents) => {
  const { status, body } = await plane.rest('POST', '/v1/apply', { documents });
  expect(status).toBe(422);
  expect(JSON.stringify(body)).toContain('nested more than 64 levels');
  expect((await plane.rest('GET', '/readyz')).status).toBe(200);
});

test('A-53: claims nested without end are refused as the resource that they are in', async () => {
  const claims = JSON.parse(`${'{"a":'.repeat(DEPTH)}1${'}'.repeat(DEPTH)}`) as unknown;
  const provider = resource('CredentialProvider', 'deep', { type: 'jwt', audience: 'a', subject: 's', claims });
  expect((await plane.rest('POST', '/v1/apply', { resources: [provider] })).status).toBe(422);
});

test('A-53: of a map with many unknown keys few are told of', async () => {
  const documents = Array.from({ length: KEYS }, (_, at) => `k${at}: 1`).join('\n');
  const { status, body } = await plane.rest('POST', '/v1/apply', { documents });
  expect(status).toBe(422);
  expect((body as { errors: unknown[] }).errors.length).toBeLessThan(200);
});

test.each([
  ['A-53: texts taken apart', 'agent.claims.x.split("").all(a, agent.claims.x.split("").all(b, a == b))', 'split()'],
  ['A-53: texts joined', 'agent.trust.join(tenant) == ""', 'join()'],
  ['A-53: five loops', `${'agent.trust.all(a, '.repeat(5)}tenant.contains("b")${')'.repeat(5)}`, 'too long'],
  [
    'A-53: a time zone in four loops',
    `${'agent.trust.all(a, '.repeat(4)}now.getHours("UTC") > 1${')'.repeat(4)}`,
    'too long',
  ],
])('%s are refused in an expression that all tenants would wait for', async (_, expression, told) => {
  const condition = resource('AccessCondition', 'dear', { type: 'cel', expression });
  const { status, body } = await plane.rest('POST', '/v1/apply', { resources: [condition] });
  expect(status).toBe(422);
  expect(JSON.stringify(body)).toContain(told);
});

test('A-53: more resources than a tenant may hold are refused, and none of them is kept', async () => {
  const resources = Array.from({ length: 5_001 }, (_, at) =>
    resource('AccessCondition', `c${at}`, { type: 'cel', expression: `tenant == "${at}"` }),
  );
  const { status, body } = await plane.rest('POST', '/v1/apply', { resources });
  expect(status).toBe(422);
  expect(body).toMatchObject({ code: 'too-many-resources', detail: expect.stringContaining('5001') });
  expect(await plane.rest('GET', '/v1/resources/AccessCondition/c0')).toMatchObject({ status: 404 });
});
