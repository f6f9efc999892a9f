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

export interface PlaceProgram {
  /** In hexadecimal: a bit for each of the 16 bytes at local 1 that is to be listed, on the stack. */
  readonly marks: string;
  /** Locals of 16 bytes that it needs, from 4 on. */
  readonly vectors: number;
  /** Where the list begins in memory; what stands between the bytes and that is the caller's. */
  readonly listAt: number;
  /** Of which `list` is told at most. */
  readonly blockBytes: number;
}

const STEP_BYTES = 16;
const PLACE_BYTES = Int32Array.BYTES_PER_ELEMENT;
const PAGE_BYTES = 65_536;

/** Undefined where there is no WebAssembly (`--jitless`), or none with vectors. */
export function placeList(program: PlaceProgram): PlaceList | undefined {
  try {
    const { Module, Instance } = (globalThis as unknown as { WebAssembly: WebAssemblyApi }).WebAssembly;
    const { memory, list } = new Instance(new Module(codeOf(program))).exports;
    const input = new Uint8Array(memory.buffer);
    const places = new Int32Array(memory.buffer, program.listAt, program.blockBytes + STEP_BYTES);
    return {
      memory: input,
      places,
      list: (bytes, from, count, ahead) => {
        bytes.copy(input, 0, from, from + count + ahead);
        let found = list(count) / PLACE_BYTES;
        // Behind them stands what was copied before.
        while (found > 0 && (places[found - 1] as number) >= count) found -= 1;
        return found;
      },
    };
  } catch {
    return undefined;
  }
}

/**
 *     do {
 *       marks = ...;
 *       for (; marks != 0; marks &= marks - 1) list[out++] = at + countTrailingZeros(marks);
 *     } while ((at += 16) < end);
 */
function codeOf({ marks, vectors, listAt, blockBytes }: PlaceProgram): Buffer {
  const pages = Math.ceil((listAt + (blockBytes + STEP_BYTES) * PLACE_BYTES) / PAGE_BYTES);
  const list = [
    `02  03 7f  ${unsigned(vectors)} 7b`, // locals: 1 at, 2 out and 3 marks are i32, those of the program v128
    '03 40', // loop
    `${marks}  22 03`,
    '04 40', // if
    '03 40', // loop
    `20 02  20 01 20 03 68 6a  36 02 ${unsigned(listAt)}`, // i32.store(out + listAt, at + ctz(marks))
    '20 02 41 04 6a 21 02', // out += 4
    '20 03  20 03 41 01 6b  71  22 03', // marks &= marks - 1
    '0d 00  0b  0b', // again while marks; end of the loop and of the if
    '20 01 41 10 6a  22 01', // at += 16
    '20 00  49  0d 00  0b', // again while at < end
    '20 02  0b', // return out
  ].join('');
  return bytesOf(
    [
      '00 61 73 6d  01 00 00 00', // WebAssembly, version 1
      '01 06  01 60  01 7f  01 7f', // types: (end: i32) -> i32
      '03 02  01 00', // functions: one of the first type
      `05 03  01 00 ${unsigned(pages)}`, // memories: one
      '07 11  02  06 6d 65 6d 6f 72 79 02 00  04 6c 69 73 74 00 00', // exports: "memory", "list"
      `0a ${sized(`01 ${sized(list)}`)}`, // code: one function
    ].join(''),
  );
}

function sized(code: string): string {
  return unsigned(bytesOf(code).length) + code;
}

/** In LEB128, in hexadecimal. */
export function unsigned(value: number): string {
  const low = value & 0x7f;
  const hex = (byte: number): string => byte.toString(16).padStart(2, '0');
  return value < 0x80 ? hex(low) : hex(low | 0x80) + unsigned(value >>> 7);
}

function bytesOf(code: string): Buffer {
  return Buffer.from(code.replaceAll(' ', ''), 'hex');
}
