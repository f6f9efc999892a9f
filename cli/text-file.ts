import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { pemBlocks } from '../common/credential-grammar.ts';
import { UsageError } from '../common/errors.ts';
import { decodeUtf8 } from './utf8.ts';

/** A file's text; the error names the option that named the file, where one did. */
export function readText(file: string, option?: string): string {
  const from = option === undefined ? '' : `${option}: `;
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(file);
  } catch (cause) {
    throw new UsageError('unreadable-file', `${from}cannot read ${file}`, { cause });
  }
  return decodeUtf8(bytes, `${from}${file}`);
}

/** Authorities in PEM. @throws UsageError when the file holds none, which would not show before the first connection */
export function readAuthorities(file: string, option: string): string {
  const text = readText(file, option);
  const blocks = pemBlocks(text, 'CERTIFICATE');
  if (blocks.length === 0) throw new UsageError('no-certificate', `${option}: ${file} holds no certificate in PEM`);
  try {
    for (const block of blocks) new X509Certificate(block);
  } catch (cause) {
    throw new UsageError('no-certificate', `${option}: a certificate in ${file} cannot be read`, { cause });
  }
  return text;
}
