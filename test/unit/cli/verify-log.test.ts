import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { define } from '../../../cli/commands/verify-log.ts';
import { EXIT_CODES } from '../../../cli/exit-codes.ts';
import type * as Rest from '../../../cli/rest-client.ts';
import { withFolder } from '../../support/folder.ts';

let answer: object;
vi.mock('../../../cli/rest-client.ts', async (original) => ({
  ...(await original<typeof Rest>()),
  withClient: (_context: unknown, use: (client: unknown) => Promise<unknown>) =>
    use({ call: () => Promise.resolve(answer) }),
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
    const command = new Command();
    define(command);
    const done = command.parseAsync(['--save-checkpoint', file], { from: 'user' });
    if (exitCode === undefined) await done;
    else await expect(done).rejects.toMatchObject({ exitCode });
    expect(existsSync(file) ? readFileSync(file, 'utf8') : '').toBe(saved);
  });
});
