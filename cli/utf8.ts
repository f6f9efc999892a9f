import { UsageError } from '../common/errors.ts';

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
