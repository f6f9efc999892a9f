import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UsageError } from '../common/errors.ts';
import { makeFolder } from '../common/folder.ts';
import { Secret } from '../common/secret.ts';
import { createFile } from './new-file.ts';

export interface BootstrapToken {
  readonly file: string;
  readonly token: Secret;
}

/** The first administrator's token: 256 random bits in a file that only the owner reads, made at the first start. */
export async function openBootstrapToken(dataDir: string): Promise<BootstrapToken> {
  makeFolder(dataDir, 0o700);
  const file = join(dataDir, 'bootstrap-token');
  await createFile(file, `${randomBytes(32).toString('base64url')}\n`);
  const text = (await readFile(file, 'utf8')).trim();
  if (text.length < 32) throw new UsageError('bootstrap-token-short', `${file} must hold at least 32 characters`);
  return { file, token: new Secret(text) };
}
