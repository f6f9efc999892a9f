import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { describeError } from '../../../common/errors.ts';
import { Followed } from '../../../common/followed.ts';
import { withFolder } from '../../support/folder.ts';

const NEVER_MS = 3_600_000;

/** Follows a file whose every word but "bad" is good, and notes what it is told. */
async function following(run: (file: string, followed: Followed<string>, told: string[]) => Promise<void>) {
  await withFolder(async (folder) => {
    const file = join(folder, 'file');
    const told: string[] = [];
    const read = async (): Promise<string> => {
      const word = await readFile(file, 'utf8');
      if (word === 'bad') throw new Error('bad word');
      return word;
    };
    const changed = (now: string): void => void told.push(`changed to ${now}`);
    const failed = (error: unknown): void => void told.push(describeError(error).split(',')[0] ?? '');
    const followed = new Followed('one', { read, changed, failed }, NEVER_MS);
    try {
      await run(file, followed, told);
    } finally {
      followed.stop();
    }
  });
}

it('tells of a change once, whoever makes it how', () =>
  following(async (file, followed, told) => {
    writeFileSync(file, 'one');
    await followed.look();
    writeFileSync(file, 'two');
    await followed.look();
    await followed.look();
    writeFileSync(`${file}.new`, 'three');
    renameSync(`${file}.new`, file);
    await followed.look();
    expect(told).toEqual(['changed to two', 'changed to three']);
    expect(followed.held).toBe('three');
  }));

it('sees what Kubernetes does: a link above the file leads elsewhere, and the old folder goes', () =>
  following(async (file, followed, told) => {
    for (const name of ['one', 'two']) {
      mkdirSync(`${file}-${name}`);
      writeFileSync(join(`${file}-${name}`, 'ca.pem'), name);
    }
    symlinkSync(`${file}-one`, `${file}-data`);
    symlinkSync(join(`${file}-data`, 'ca.pem'), file);
    await followed.look();
    symlinkSync(`${file}-two`, `${file}-data-new`);
    renameSync(`${file}-data-new`, `${file}-data`);
    rmSync(`${file}-one`, { recursive: true });
    await followed.look();
    expect(told).toEqual(['changed to two']);
  }));

it('keeps what it has when the file is bad or gone, says so once, and goes on with the next good one', () =>
  following(async (file, followed, told) => {
    writeFileSync(file, 'bad');
    await followed.look();
    await followed.look();
    expect([followed.held, followed.isFaulty]).toEqual(['one', true]);
    rmSync(file);
    await followed.look();
    writeFileSync(file, 'one');
    await followed.look();
    expect([followed.held, followed.isFaulty]).toEqual(['one', false]);
    writeFileSync(file, 'bad');
    await followed.look();
    writeFileSync(file, 'two');
    await followed.look();
    expect([followed.held, followed.isFaulty]).toEqual(['two', false]);
    const missing = expect.stringContaining('ENOENT');
    expect(told).toEqual(['bad word', missing, 'bad word', 'changed to two']);
  }));

it('tries again what could not be put to use', async () => {
  let tries = 0;
  const changed = (): void => {
    tries += 1;
    if (tries === 1) throw new Error('not now');
  };
  const failures: unknown[] = [];
  const follower = { read: async () => 'two', changed, failed: (error: unknown) => void failures.push(error) };
  const followed = new Followed('one', follower, NEVER_MS);
  await followed.look();
  expect(followed.held).toBe('one');
  await followed.look();
  expect([followed.held, followed.isFaulty, tries, failures.length]).toEqual(['two', false, 2, 1]);
  followed.stop();
});

it('tells nothing after it was stopped in the middle of a look', async () => {
  const told: string[] = [];
  let found: (word: string) => void = () => {};
  const read = (): Promise<string> => new Promise((resolve) => (found = resolve));
  const followed = new Followed('one', { read, changed: (now) => void told.push(now), failed: () => {} }, NEVER_MS);
  const looked = followed.look();
  followed.stop();
  found('two');
  await looked;
  expect(told).toEqual([]);
});

it('looks by itself', async () => {
  let tell: (now: string) => void = () => {};
  const told = new Promise<string>((resolve) => (tell = resolve));
  const followed = new Followed('one', { read: async () => 'two', changed: tell, failed: () => {} }, 1);
  expect(await told).toBe('two');
  followed.stop();
});
