import { afterEach, beforeEach, expect, test } from 'vitest';
import type { PolicyClient } from '../../policy-client/index.ts';
import { FakeControlPlane } from '../fakes/control-plane.ts';
import { clientOf, question, ROUTE } from '../support/policy-client/policy-client.ts';
import { until } from '../support/until.ts';

let plane: FakeControlPlane;
let client: PolicyClient;

beforeEach(async () => {
  plane = new FakeControlPlane();
  plane.snapshot = { routes: [ROUTE] };
  await plane.start();
  client = clientOf(plane, { limits: { maxStillMs: 500 } });
  await client.start();
  await client.ready;
});

afterEach(async () => {
  await client.close(0);
  plane.stop();
});

test('A-68: a process that stood still, as one restored from an image has, does not go on with its session', async () => {
  const before = client.session()?.id;
  expect(await client.authorize(question())).toMatchObject({ kind: 'grant' });
  expect(client.stats().cachedAnswers).toBe(1);
  // Nothing of this process runs meanwhile, as under SIGSTOP, the freezer of a cgroup, or between image and restore.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_500);
  await until('another session', () => client.connected && client.session()?.id !== before, 20_000);
  expect(client.stats().cachedAnswers).toBe(0);
  expect(plane.attests.length).toBeGreaterThan(1);
  expect(await client.authorize(question())).toMatchObject({ kind: 'grant', fromCache: false });
});

test('A-68: a busy process keeps its session', async () => {
  const before = client.session()?.id;
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
  await new Promise((resolve) => setTimeout(resolve, 150));
  expect(client.session()?.id).toBe(before);
});
