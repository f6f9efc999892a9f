import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { makeFolder } from '../../../common/folder.ts';
import { replaceFile } from '../../../common/replace-file.ts';

let base = '';
let before = 0;
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'sidekey-replace-'));
  // As services often have it (UMask= of systemd.exec(5)).
  before = process.umask(0o077);
});
afterEach(() => {
  process.umask(before);
  rmSync(base, { recursive: true });
});

const modeOf = (path: string): number => statSync(path).mode & 0o777;

it('what is for other users to read they can read, whatever the umask', () => {
  const folder = join(base, 'agent', 'dir');
  makeFolder(folder, 0o755);
  const file = join(folder, 'proxy-url');
  for (const text of ['one', 'two']) replaceFile(file, text, 0o644);
  expect(readFileSync(file, 'utf8')).toBe('two');
  expect([modeOf(join(base, 'agent')), modeOf(folder), modeOf(file)]).toEqual([0o755, 0o755, 0o644]);
});

it('and what is not, not', () => {
  process.umask(0);
  makeFolder(join(base, 'data'), 0o700);
  replaceFile(join(base, 'data', 'context.json'), '{}', 0o600);
  expect([modeOf(join(base, 'data')), modeOf(join(base, 'data', 'context.json'))]).toEqual([0o700, 0o600]);
});
