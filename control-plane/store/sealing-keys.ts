import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { UsageError } from '../../common/errors.ts';
import { createFile, replaceFile } from '../new-file.ts';
import { type SealingKey, sealingKey, type SealingKeys } from './sealing.ts';

/**
 * Reads keys from text: one base64 or hexadecimal key of 32 bytes a line, the current one first, older ones below it
 * until `sidekey rotate-keys` has resealed what they sealed. `#` starts a comment. `origin` names the source in errors.
 */
export function parseSealingKeys(text: string, origin: string): SealingKeys {
  const keys: SealingKey[] = [];
  for (const [index, rawLine] of text.split('\n').entries()) {
    const line = rawLine.replace(/#.*$/, '').trim();
    if (line === '') continue;
    const bytes = decodeKey(line);
    if (bytes === undefined) {
      throw new UsageError(
        'sealing-key-invalid',
        `${origin}, line ${index + 1}: not 32 bytes in base64 or hexadecimal`,
      );
    }
    keys.push(sealingKey(bytes));
  }
  const [current, ...older] = keys;
  if (current === undefined) throw new UsageError('sealing-key-missing', `${origin} holds no sealing key`);
  return { current, older };
}

/** Reads keys from a file; with `create`, makes the file with a fresh key when there is none. */
export async function loadSealingKeys(path: string, options: { create?: boolean } = {}): Promise<SealingKeys> {
  try {
    return parseSealingKeys(await readFile(path, 'utf8'), path);
  } catch (error) {
    const missing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    if (error instanceof UsageError) throw error;
    if (!missing || options.create !== true) {
      throw new UsageError('unreadable-file', `cannot read the sealing keys in ${path}`, { cause: error });
    }
  }
  await createFile(path, newKeyLine());
  return parseSealingKeys(await readFile(path, 'utf8'), path);
}

/**
 * Puts a fresh key in front of those in the file, and gives what the file then holds. The values sealed before still open;
 * reseal them next. One at a time: of two at once, the later would put back what the earlier had read.
 */
export async function rotateSealingKeyFile(path: string): Promise<SealingKeys> {
  const text = await readFile(path, 'utf8');
  parseSealingKeys(text, path);
  await replaceFile(path, `${newKeyLine()}${text}`);
  return parseSealingKeys(await readFile(path, 'utf8'), path);
}

function newKeyLine(): string {
  return `${randomBytes(32).toString('base64')}\n`;
}

function decodeKey(line: string): Buffer | undefined {
  if (/^[0-9a-fA-F]{64}$/.test(line)) return Buffer.from(line, 'hex');
  if (!/^[A-Za-z0-9+/_-]{43}=?$/.test(line)) return undefined;
  return Buffer.from(line, 'base64url');
}
