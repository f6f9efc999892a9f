import { existsSync, mkdtempSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { showLife, showsLife, tendLifeSigns } from '../../../../policy-client/records/life-sign.ts';

const LONG_AGO = new Date(0);
let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'sidekey-life-'))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

it('who lives shows it until it goes', async () => {
  expect(await showsLife(folder, 'a')).toBe(false);
  const hide = await showLife(folder, 'a');
  expect([await showsLife(folder, 'a'), await showsLife(folder, 'b')]).toEqual([true, false]);
  await hide();
  expect(await showsLife(folder, 'a')).toBe(false);
});

it('old signs of the dead are removed; those of who lives, new ones and one’s own stay', async () => {
  const signs = ['dead', 'lives', 'new', 'own'].map((id) => join(folder, `${id}.alive`));
  const [dead = '', lives = '', , own = ''] = signs;
  const hide = await showLife(folder, 'lives');
  for (const sign of signs) if (sign !== lives) writeFileSync(sign, '');
  for (const sign of [dead, lives, own]) utimesSync(sign, LONG_AGO, LONG_AGO);
  await tendLifeSigns(folder, ['dead.alive', 'lives.alive', 'new.alive', 'own.alive', 'own'], 'own', 60_000);
  expect(signs.map((sign) => existsSync(sign))).toEqual([false, true, true, true]);
  expect(statSync(own).mtimeMs).toBeGreaterThan(0);
  await hide();
});

it('a sign that another has removed meanwhile stops nothing', async () => {
  writeFileSync(join(folder, 'dead.alive'), '');
  utimesSync(join(folder, 'dead.alive'), LONG_AGO, LONG_AGO);
  await tendLifeSigns(folder, ['gone.alive', 'dead.alive'], 'own', 60_000);
  expect(existsSync(join(folder, 'dead.alive'))).toBe(false);
});
