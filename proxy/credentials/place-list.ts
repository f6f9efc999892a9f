interface WebAssemblyApi {
  readonly Module: new (code: Uint8Array) => object;
  readonly Instance: new (
    module: object,
  ) => { readonly exports: { readonly memory: { readonly buffer: ArrayBuffer }; list(end: number): number } };
}

/** WebAssembly that lists places in the bytes at the beginning of its memory, 16 a step. */
export interface PlaceList {
  /** All of its memory. */
  readonly memory: Uint8Array;
  /** Those of the last run, counted from the first byte. */
  readonly places: Int32Array;
  /** How many are among `count` bytes from here on; it sees as many behind them as `ahead` says. */
  list(bytes: Buffer, from: number, count: number, ahead: number): number;
}

const STEP_BYTES = 16;

/**
 * Undefined where there is no WebAssembly (`--jitless`), or none with vectors.
 *
 * @param code - Exports `memory`, and `list(end)`, which writes the places in [0, end) to `listAt` and answers how many bytes that took
 * @param blockBytes - Of which `list` is told at most
 */
export function placeList(code: Uint8Array, listAt: number, blockBytes: number): PlaceList | undefined {
  try {
    const { Module, Instance } = (globalThis as unknown as { WebAssembly: WebAssemblyApi }).WebAssembly;
    const { memory, list } = new Instance(new Module(code)).exports;
    const input = new Uint8Array(memory.buffer);
    const places = new Int32Array(memory.buffer, listAt, blockBytes + STEP_BYTES);
    return {
      memory: input,
      places,
      list: (bytes, from, count, ahead) => {
        bytes.copy(input, 0, from, from + count + ahead);
        let found = list(count) / Int32Array.BYTES_PER_ELEMENT;
        // Behind them stands what was copied before.
        while (found > 0 && (places[found - 1] as number) >= count) found -= 1;
        return found;
      },
    };
  } catch {
    return undefined;
  }
}
