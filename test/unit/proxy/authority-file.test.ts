import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterAll, afterEach, expect, test, vi } from 'vitest';
import { AuthorityFile } from '../../../proxy/authority-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'sidekey-authority-'));
const path = join(folder, 'ca.pem');
const lines: string[] = [];
const log = pino({ base: null }, { write: (line: string) => void lines.push(line) });
let file: AuthorityFile | undefined;
afterAll(() => rmSync(folder, { recursive: true }));
afterEach(() => {
  file?.stop();
  vi.useRealTimers();
  rmSync(path, { force: true });
});

test('the file follows a renewal, and is left alone without one', () => {
  vi.useFakeTimers();
  let roots: string | undefined;
  file = new AuthorityFile(path, () => roots, log);
  file.write();
  expect(() => readFileSync(path)).toThrow('ENOENT');
  roots = 'one';
  file.follow();
  expect(readFileSync(path, 'utf8')).toBe('one');
  rmSync(path);
  vi.advanceTimersByTime(600_000);
  expect(() => readFileSync(path)).toThrow('ENOENT');
  roots = 'one two';
  vi.advanceTimersByTime(600_000);
  expect(readFileSync(path, 'utf8')).toBe('one two');
});

test('what cannot be written fails at the start, is said later on, and is tried again', () => {
  let at = 'one';
  file = new AuthorityFile(join(folder, 'nowhere', 'ca.pem'), () => at, log);
  expect(() => file?.write()).toThrow('--ca-file: cannot write');
  at = 'two';
  file.follow();
  file.follow();
  expect(lines.map((line) => (JSON.parse(line) as { msg: string }).msg)).toEqual([
    'the certificate authority file cannot be written',
    'the certificate authority file cannot be written',
  ]);
});
