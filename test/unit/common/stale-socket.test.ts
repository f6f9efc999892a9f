import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { removeStaleSocket } from '../../../common/stale-socket.ts';

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sidekey-stale-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('a socket that nobody serves any more is removed, one that is served stays', async () => {
  const [served, dead] = [join(folder, 'served'), join(folder, 'dead')];
  const server = createServer();
  server.listen(served);
  await once(server, 'listening');
  const refused = { code: 'listen-failed', message: `another process serves ${served}` };
  await expect(removeStaleSocket(served)).rejects.toMatchObject(refused);
  expect(existsSync(served)).toBe(true);

  // Node removes the socket under the name that it was bound to.
  renameSync(served, dead);
  server.close();
  await once(server, 'close');
  await removeStaleSocket(dead);
  expect(existsSync(dead)).toBe(false);
});

test('what is no socket stays, and what is not there is no fault', async () => {
  const file = join(folder, 'file');
  writeFileSync(file, 'precious');
  const refused = { code: 'listen-failed', message: `${file} exists and is not a socket` };
  await expect(removeStaleSocket(file)).rejects.toMatchObject(refused);
  expect(readFileSync(file, 'utf8')).toBe('precious');
  await removeStaleSocket(join(folder, 'none'));
});
