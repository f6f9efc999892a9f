import { existsSync, linkSync, readFileSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { define } from '../../../../cli/commands/verify-log.ts';
import { EXIT_CODES } from '../../../../cli/exit-codes.ts';
import { RequestRefused } from '../../../../cli/rest-client.ts';
import type * as Rest from '../../../../cli/rest-client.ts';
import { withFolder } from '../../../support/folder.ts';

let answer: object;
vi.mock('../../../../cli/rest-client.ts', async (original) => ({
  ...(await original<typeof Rest>()),
  withClient: (_context: unknown, use: (client: unknown) => Promise<unknown>) =>
    use({ call: () => (answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer)) }),
}));

beforeEach(() => {
  vi.stubEnv('SIDEKEY_SERVER', 'https://127.0.0.1:1');
  vi.stubEnv('SIDEKEY_TOKEN', 't');
  vi.spyOn(console, 'log').mockReturnValue();
});
afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

function verify(...args: readonly string[]): Promise<unknown> {
  const command = new Command();
  define(command);
  return command.parseAsync(args, { from: 'user' });
}

const STATEMENT = 'a.b.c';
it.each([
  ['of a whole log is saved', { ok: true, checkpoints: { latest: STATEMENT } }, undefined, `${STATEMENT}\n`],
  ['is saved beside a gap', { ok: false, checkpoints: { latest: STATEMENT } }, EXIT_CODES.denied, `${STATEMENT}\n`],
  ['that does not hold is not', { ok: false, checkpoints: { latest: STATEMENT, fault: 'f' } }, EXIT_CODES.denied, ''],
  ['that is not there fails', { ok: true, checkpoints: {} }, EXIT_CODES.failed, ''],
])('a checkpoint %s', async (_, given, exitCode, saved) => {
  answer = given;
  await withFolder(async (folder) => {
    const file = join(folder, 'checkpoint.jws');
    const done = verify('--save-checkpoint', file);
    if (exitCode === undefined) await done;
    else await expect(done).rejects.toMatchObject({ exitCode });
    expect(existsSync(file) ? readFileSync(file, 'utf8') : '').toBe(saved);
  });
});

it('a checkpoint takes the place of another in one step, and a link stays one', async () => {
  answer = { ok: true, checkpoints: { latest: STATEMENT } };
  await withFolder(async (folder) => {
    const [file, link, before] = [join(folder, 'checkpoint.jws'), join(folder, 'link'), join(folder, 'before')];
    writeFileSync(file, 'x.y.z\n');
    linkSync(file, before);
    symlinkSync(file, link);
    await verify('--save-checkpoint', file);
    expect([file, before].map((one) => readFileSync(one, 'utf8'))).toEqual([`${STATEMENT}\n`, 'x.y.z\n']);
    answer = { ok: true, checkpoints: { latest: 'd.e.f' } };
    await verify('--save-checkpoint', link);
    expect([readFileSync(file, 'utf8'), readlinkSync(link)]).toEqual(['d.e.f\n', file]);
  });
});

it('a checkpoint of another log is a no, in words of its own', async () => {
  answer = new RequestRefused('checkpoint-unusable', 'the checkpoint is of tenant "b"', []);
  await withFolder(async (folder) => {
    const file = join(folder, 'checkpoint.jws');
    writeFileSync(file, STATEMENT);
    const message = '--checkpoint: the checkpoint is of tenant "b"';
    await expect(verify('--checkpoint', file)).rejects.toMatchObject({ exitCode: EXIT_CODES.denied, message });
  });
});

it('a checkpoint that cannot be written is told with its file', async () => {
  answer = { ok: true, checkpoints: { latest: STATEMENT } };
  await withFolder(async (folder) => {
    const file = join(folder, 'missing', 'checkpoint.jws');
    const message = `--save-checkpoint: cannot write ${file}`;
    await expect(verify('--save-checkpoint', file)).rejects.toMatchObject({ code: 'unwritable-file', message });
  });
});

// Sent all the same, it would have the log called broken.
it.each(['', 'apiVersion: v1\n', 'a.b', '{"latest":"a.b.c"}'])('a file that holds no checkpoint: %j', async (text) => {
  answer = { ok: true, checkpoints: {} };
  await withFolder(async (folder) => {
    const file = join(folder, 'other');
    writeFileSync(file, text);
    const message = `--checkpoint: ${file} holds no checkpoint`;
    await expect(verify('--checkpoint', file)).rejects.toMatchObject({ code: 'bad-checkpoint', message });
    writeFileSync(file, `${STATEMENT}\n`);
    await verify('--checkpoint', file);
  });
});
