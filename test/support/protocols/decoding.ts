import { type ContentDecoder, ContentCodingError } from '../../../proxy/credentials/scrubbing/decode-content.ts';

/** All that comes of these pieces. @throws ContentCodingError */
export async function decodeAll(decoder: ContentDecoder | undefined, pieces: readonly Buffer[]): Promise<Buffer> {
  if (decoder === undefined) throw new Error('nothing to decode');
  const out: Buffer[] = [];
  try {
    for (const piece of pieces) for await (const bytes of decoder.decode(piece)) out.push(Buffer.from(bytes));
    for await (const bytes of decoder.end()) out.push(Buffer.from(bytes));
  } finally {
    decoder.close();
  }
  return Buffer.concat(out);
}

/** The same; undefined when they are refused. */
export async function decodeOrRefuse(
  decoder: ContentDecoder | undefined,
  pieces: readonly Buffer[],
): Promise<Buffer | undefined> {
  return decodeAll(decoder, pieces).catch((error: unknown) => {
    if (!(error instanceof ContentCodingError)) throw error;
    return undefined;
  });
}
