import { mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeFolder } from '../../../common/folder.ts';

describe('makeFolder', () => {
  let base = '';
  beforeEach(() => void (base = mkdtempSync(join(tmpdir(), 'sidekey-folder-'))));
  afterEach(() => rmSync(base, { recursive: true }));

  it('makes what is missing, with this mode', () => {
    const folder = join(base, 'a', 'b', 'c');
    makeFolder(folder, 0o700);
    for (const one of [folder, join(base, 'a', 'b'), join(base, 'a')]) expect(statSync(one).mode & 0o777).toBe(0o700);
  });

  it('takes a path from where it is, and a slash at its end', () => {
    makeFolder(`${relative(process.cwd(), join(base, 'd', 'e'))}/`, 0o700);
    expect(statSync(join(base, 'd', 'e')).isDirectory()).toBe(true);
  });

  it('leaves one that is there, also by a link', () => {
    mkdirSync(join(base, 'there'), { mode: 0o755 });
    symlinkSync('there', join(base, 'link'));
    makeFolder(join(base, 'link'), 0o700);
    expect(statSync(join(base, 'there')).mode & 0o777).toBe(0o755);
  });

  it.each([
    ['a file', 'file', 'EEXIST'],
    ['below a file', 'file/below', 'ENOTDIR'],
    ['a link to nowhere', 'lost', 'EEXIST'],
    ['below a link to nowhere', 'lost/below', 'EEXIST'],
  ])('says what is wrong: %s', (_, name, code) => {
    writeFileSync(join(base, 'file'), '');
    symlinkSync('nowhere', join(base, 'lost'));
    expect(() => makeFolder(join(base, name), 0o700)).toThrow(expect.objectContaining({ code }));
  });

  it.skipIf(process.platform !== 'linux').each(['/proc/nope', '/proc/nope/below/it'])(
    'comes back where nothing can be made: %s',
    (folder) => {
      expect(() => makeFolder(folder, 0o700)).toThrow(expect.objectContaining({ code: 'ENOENT' }));
    },
  );
});
