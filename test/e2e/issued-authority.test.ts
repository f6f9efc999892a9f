import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { curl } from '../support/agents/curl.ts';
import { World } from '../support/worlds/world.ts';

let world: World;
beforeAll(async () => {
  world = await World.start({ authority: 'issued' });
});
afterAll(() => world.close());

it('a client that trusts the tenant authority alone calls through the proxy', async () => {
  expect(await curl(world, '/v1/items')).toMatchObject({ status: 200, body: expect.stringContaining('first') });
});

it('the file holds a root certificate and no key', async () => {
  const pem = await readFile(world.proxyCaFile, 'utf8');
  expect(pem).not.toContain('PRIVATE');
  const root = new X509Certificate(pem);
  expect(root.ca).toBe(true);
  expect(root.subject).toBe(root.issuer);
});
