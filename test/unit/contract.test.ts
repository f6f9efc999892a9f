import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

/** `npm run check` asks buf these questions; here they are asked of contracts that must fail. */
describe('the checks of the contract', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sidekey-contract-'));
    for (const name of ['proto', 'buf.yaml', 'buf.gen.yaml']) await cp(name, join(folder, name), { recursive: true });
    await symlink(join(process.cwd(), 'node_modules'), join(folder, 'node_modules'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('pass as it is', async () => {
    expect(await buf('lint')).toMatchObject({ code: 0, output: '' });
    expect(await buf('breaking', '--against', process.cwd())).toMatchObject({ code: 0, output: '' });
    expect(await buf('generate')).toMatchObject({ code: 0 });
    expect(await generated(folder)).toBe(await generated('.'));
  });

  it.each([
    ['a renumbered field', /uint64 policy_version = 7;/, 'uint64 policy_version = 70;', 'policy_version'],
    ['a field of another type', /uint64 policy_version = 7;/, 'string policy_version = 7;', 'policy_version'],
    ['a field that is gone', /uint64 policy_version = 7;/, '', 'without reserving the number "7"'],
  ])('%s breaks compatibility', async (_title, from, to, why) => {
    await edit('grant.proto', from, to);
    const { code, output } = await buf('breaking', '--against', process.cwd());
    expect(output).toContain(why);
    expect(code).not.toBe(0);
  });

  it('a name of another style is linted', async () => {
    await edit('grant.proto', /policy_version = 7/, 'policyVersion = 7');
    expect(await buf('lint')).toMatchObject({ code: 100, output: expect.stringContaining('lower_snake_case') });
  });

  it('a contract that was changed without generating drifts', async () => {
    await edit('grant.proto', /uint64 policy_version = 7;/, 'uint64 policy_version = 7; string new_field = 700;');
    expect(await buf('generate')).toMatchObject({ code: 0 });
    expect(await generated(folder)).not.toBe(await generated('.'));
  });

  async function edit(name: string, from: RegExp, to: string): Promise<void> {
    const path = join(folder, 'proto/sidekey/v1', name);
    const text = await readFile(path, 'utf8');
    expect(text).toMatch(from);
    await writeFile(path, text.replace(from, to));
  }

  function generated(root: string): Promise<string> {
    return readFile(join(root, 'proto/gen/sidekey/v1/grant.ts'), 'utf8');
  }

  function buf(...args: string[]): Promise<{ code: number; output: string }> {
    return new Promise((resolve) => {
      execFile(join(process.cwd(), 'node_modules/.bin/buf'), args, { cwd: folder }, (error, stdout, stderr) => {
        resolve({ code: error === null ? 0 : Number(error.code ?? 1), output: stdout + stderr });
      });
    });
  }
});
