import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { watchUser } from '../../../../cli/proxy/evidence.ts';

let folder: string;
let file: string;
let told: number;
let stop: (() => void) | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sidekey-evidence-'));
  file = join(folder, 'user');
  told = 0;
});
afterEach(() => {
  stop?.();
  rmSync(folder, { recursive: true, force: true });
});

function write(claims: object): void {
  writeFileSync(file, `e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.sig\n`);
}

/** Long enough for it to have looked, and looked again. */
const looked = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1_200));

function watch(): void {
  stop = watchUser(['kubernetes', `user=${file}`])?.(() => (told += 1));
}

it('tells of another user, of one of another issuer, and of none, each once', async () => {
  write({ iss: 'https://a.test', sub: 'ann', jti: '1' });
  watch();
  const others = [
    { iss: 'https://a.test', sub: 'bob' },
    { iss: 'https://b.test', sub: 'bob' },
  ];
  for (const [at, other] of others.entries()) {
    write(other);
    await expect.poll(() => told, { timeout: 10_000 }).toBe(at + 1);
  }
  rmSync(file);
  await expect.poll(() => told, { timeout: 10_000 }).toBe(3);
  await looked();
  expect(told).toBe(3);
});

it('tells nothing of a newer token of the same user, nor anything once it is stopped', async () => {
  write({ iss: 'https://a.test', sub: 'ann', exp: 1 });
  watch();
  write({ exp: 2, sub: 'ann', iss: 'https://a.test' });
  await looked();
  stop?.();
  write({ iss: 'https://a.test', sub: 'bob' });
  await looked();
  expect(told).toBe(0);
});

it('tells of the first user, where there was none', async () => {
  watch();
  write({ iss: 'https://a.test', sub: 'ann' });
  await expect.poll(() => told, { timeout: 10_000 }).toBe(1);
});

it('looks at nothing where no user is told of', () => {
  expect(watchUser(['kubernetes', 'oidc=/a/file'])).toBeUndefined();
});
