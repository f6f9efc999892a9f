import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';

// What `npm start -- --once` runs after the build; that it passes is a step of `.ci/run`.
const DEMONSTRATION = ['examples/demo/demo.mjs', '--once'];

// Stands in for `sidekey control-plane`: a first start that takes its time.
const SLOW_SIDEKEY = `
  import { writeFileSync } from 'node:fs';
  writeFileSync(process.env.HOME + '/../../../started', '');
  setInterval(() => {}, 1_000);
`;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sidekey-demo-test-'));
  await cp('examples', join(folder, 'examples'), { recursive: true });
  await cp('package.json', join(folder, 'package.json'));
  await symlink(join(process.cwd(), 'node_modules'), join(folder, 'node_modules'));
  await mkdir(join(folder, 'tmp'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const options = () => ({ cwd: folder, env: { PATH: process.env['PATH'], TMPDIR: join(folder, 'tmp') } });

it('ends with 1 and the step that failed, and leaves no file behind', async () => {
  // There is no dist/ in this copy, so no control plane can start.
  const { code, output } = await new Promise<{ code: unknown; output: string }>((resolve) => {
    execFile(process.execPath, DEMONSTRATION, options(), (error, stdout) =>
      resolve({ code: error?.code ?? 0, output: stdout }),
    );
  });
  expect(output).toMatch(/✗ start an OpenID provider, an HTTPS API, a control plane and a proxy\n {4}\S/);
  expect(output).toContain('0 passed, 1 failed');
  expect(code).toBe(1);
  expect(await readdir(join(folder, 'tmp'))).toEqual([]);
}, 90_000);

it('told to end while the control plane starts, it reports no failure and leaves no file behind', async () => {
  await mkdir(join(folder, 'dist'));
  await writeFile(join(folder, 'dist/sidekey.js'), SLOW_SIDEKEY);
  const child = spawn(process.execPath, DEMONSTRATION, { ...options(), stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.on('data', (text) => (output += String(text)));
  const closed = once(child, 'close');
  while (child.exitCode === null && !(await readdir(folder)).includes('started')) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  child.kill('SIGTERM');
  expect(await closed).toEqual([130, null]);
  expect(output).not.toContain('✗');
  expect(await readdir(join(folder, 'tmp'))).toEqual([]);
}, 90_000);
