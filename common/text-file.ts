import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { pemBlocks } from './credential-grammar.ts';
import { UsageError } from './errors.ts';

/** A file's text; the error names the option that named the file, where one did. */
export function readText(file: string, option?: string): string {
  const from = option === undefined ? '' : `${option}: `;
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(file);
  } catch (cause) {
    throw unreadable(file, from, cause);
  }
  return decodeUtf8(bytes, `${from}${file}`);
}

/** The same for a process that has other things to do meanwhile. @throws UsageError */
export async function loadText(file: string, option: string): Promise<string> {
  const bytes = await readFile(file).catch((cause: unknown) => {
    throw unreadable(file, `${option}: `, cause);
  });
  return decodeUtf8(bytes, `${option}: ${file}`);
}

function unreadable(file: string, from: string, cause: unknown): UsageError {
  return new UsageError('unreadable-file', `${from}cannot read ${file}`, { cause });
}

/** The text of these bytes, which are told of as `name`. @throws UsageError `not-utf8`, as for what Windows saves as "Unicode" */
export function decodeUtf8(bytes: Uint8Array, name: string): string {
  // The mark that UTF-16 begins with, or its first letter of ASCII without one.
  const isUtf16 = /^(?:fffe|feff|00..|..00)/.test(Buffer.from(bytes.subarray(0, 2)).toString('hex'));
  try {
    if (!isUtf16) return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    // Told below.
  }
  throw new UsageError('not-utf8', `${name} is ${isUtf16 ? 'in UTF-16' : 'no text in UTF-8'}: save it as UTF-8`);
}

/** Authorities in PEM. @throws UsageError */
export function readAuthorities(file: string, option: string): string {
  return checkAuthorities(readText(file, option), file, option);
}

/** What this file holds. @throws UsageError when that are no authorities, which would not show before the first connection */
export function checkAuthorities(text: string, file: string, option: string): string {
  const blocks = pemBlocks(text, 'CERTIFICATE');
  if (blocks.length === 0) throw new UsageError('no-certificate', `${option}: ${file} holds no certificate in PEM`);
  try {
    for (const block of blocks) new X509Certificate(block);
  } catch (cause) {
    throw new UsageError('no-certificate', `${option}: a certificate in ${file} cannot be read`, { cause });
  }
  return text;
}
