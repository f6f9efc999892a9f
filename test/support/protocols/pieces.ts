/** The bytes in pieces of these sizes, round and round; far in, in larger ones. */
export function cutInto(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const pieces: Buffer[] = [];
  for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
    const size = (sizes[turn % sizes.length] ?? 1) * (at > 4_000 ? 1_000 : 1);
    pieces.push(Buffer.from(bytes.subarray(at, at + size)));
    at += size;
  }
  return pieces;
}
