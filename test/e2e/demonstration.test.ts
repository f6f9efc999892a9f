import { execFile } from 'node:child_process';
import { cp, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';

// What `npm start -- --once` runs after the build; that it passes is a step of `.ci/run`.
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sidekey-demo-'));
  await cp('examples', join(folder, 'examples'), { recursive: true });
  await cp('package.json', join(folder, 'package.json'));
  await symlink(join(process.cwd(), 'node_modules'), join(folder, 'node_modules'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

it('ends with 1 and the step that failed', async () => {
  // There is no dist/ in this copy, so no control plane can start.
  const { code, output } = await new Promise<{ code: unknown; output: string }>((resolve) => {
    execFile(process.execPath, ['examples/demo/demo.mjs', '--once'], { cwd: folder }, (error, stdout) =>
      resolve({ code: error?.code ?? 0, output: stdout }),
    );
  });
  expect(output).toMatch(/✗ start an OpenID provider, an HTTPS API, a control plane and a proxy\n {4}\S/);
  expect(output).toContain('0 passed, 1 failed');
  expect(code).toBe(1);
}, 90_000);
