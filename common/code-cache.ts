import { createHash, type Hash } from 'node:crypto';
import { closeSync, fstatSync, openSync, readFileSync, readSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { Script } from 'node:vm';

/**
 * A bundle compiled ahead. Beside `NAME` lies `NAME.cache`, written by the build: the SHA-256 of the release of Node, the
 * source and what follows, then V8's code cache. The bundle is a CommonJS module in its function, ASCII only, as
 * scripts/build.mjs makes it.
 *
 * V8 itself checks its version, its flags and the length of the source. It would run the code of other source of the same
 * length, a cache with broken bits, and one from a Node whose V8 has the same version and other patches (20.20.2 and 20.19.0:
 * the latter crashes): hence the digest. It guards against accidents. Who may write the cache may write the bundle, so both
 * are trusted alike.
 */

const DIGEST_BYTES = 32;

/** What became of the cache. Without it a start takes longer and nothing else is different. */
export type CodeCacheState =
  | 'used'
  /** Made with other flags of V8. */
  | 'refused'
  /** Not of this source and this release of Node, or damaged. */
  | 'mismatched'
  | 'missing';

/** A bundle that has run. */
export interface LoadedBundle<Exports> {
  readonly exports: Exports;
  readonly codeCache: CodeCacheState;
  /** Writes the cache: code of every function that was called until now, none of their data. Of use to the build only. */
  saveCodeCache(): void;
}

/** Runs this bundle, by way of its cache where that fits. @throws what reading or running the bundle throws */
export function loadBundle<Exports>(file: string): LoadedBundle<Exports> {
  const bytes = readIntoResizable(file);
  const source = bytes.toString('latin1');
  const found = readCache(file, bytes);
  const cached = typeof found === 'string' ? {} : { cachedData: found };
  const script = new Script(source, { filename: file, ...cached });
  // A start is over long before the collector would give this back.
  const { buffer } = bytes;
  if (buffer instanceof ArrayBuffer && buffer.resizable) buffer.resize(0);
  const module = { exports: {} };
  script.runInThisContext()(module.exports, createRequire(file), module, file, dirname(file));
  return {
    exports: module.exports as Exports,
    codeCache: typeof found === 'string' ? found : script.cachedDataRejected === false ? 'used' : 'refused',
    saveCodeCache: () => {
      const code = script.createCachedData();
      const digest = startDigest().update(readFileSync(file)).update(code).digest();
      writeFileSync(cacheOf(file), Buffer.concat([digest, code]));
    },
  };
}

/** The code of exactly this source. Overwrites `source`, which is memory that a start would else leave to the collector. */
function readCache(file: string, source: Buffer): Buffer | 'missing' | 'mismatched' {
  const hash = startDigest().update(source);
  let cache: Buffer;
  try {
    cache = readInto(source, cacheOf(file));
  } catch {
    return 'missing';
  }
  const code = cache.subarray(DIGEST_BYTES);
  return hash.update(code).digest().equals(cache.subarray(0, DIGEST_BYTES)) ? code : 'mismatched';
}

/** Reads a file into memory that can be given back at once. */
function readIntoResizable(file: string): Buffer {
  const size = statSync(file).size;
  return readInto(Buffer.from(new ArrayBuffer(size, { maxByteLength: size })), file);
}

function startDigest(): Hash {
  return createHash('sha256').update(`${process.version} ${process.arch}\n`);
}

/** Reads a file into this room; into more of it where that is too small. */
function readInto(room: Buffer, file: string): Buffer {
  const descriptor = openSync(file, 'r');
  try {
    const { size } = fstatSync(descriptor);
    const bytes = size <= room.length ? room : Buffer.alloc(size);
    return bytes.subarray(0, readSync(descriptor, bytes, 0, size, 0));
  } finally {
    closeSync(descriptor);
  }
}

function cacheOf(file: string): string {
  return `${file}.cache`;
}
