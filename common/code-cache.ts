import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { Script } from 'node:vm';

/**
 * A bundle compiled ahead. Beside `NAME` lies `NAME.cache`, written by the build: the SHA-256 of the source and of what
 * follows, then V8's code cache. The bundle is a CommonJS module in its function, ASCII only, as scripts/build.mjs makes it.
 *
 * V8 itself checks its version, its flags and the length of the source. It would run the code of other source of the same
 * length, and a cache with broken bits: hence the digest. It guards against accidents. Who may write the cache may write
 * the bundle, so both are trusted alike.
 */

const DIGEST_BYTES = 32;

/** What became of the cache. Without it a start takes longer and nothing else is different. */
export type CodeCacheState =
  | 'used'
  /** Made by another version of V8, or one with other flags. */
  | 'refused'
  /** Not of this source, or damaged. */
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
  const source = readFileSync(file);
  const found = readCache(file, source);
  const cached = typeof found === 'string' ? {} : { cachedData: found };
  const script = new Script(source.toString('latin1'), { filename: file, ...cached });
  const module = { exports: {} };
  script.runInThisContext()(module.exports, createRequire(file), module, file, dirname(file));
  return {
    exports: module.exports as Exports,
    codeCache: typeof found === 'string' ? found : script.cachedDataRejected === false ? 'used' : 'refused',
    saveCodeCache: () => {
      const code = script.createCachedData();
      writeFileSync(cacheOf(file), Buffer.concat([digest(source, code), code]));
    },
  };
}

function readCache(file: string, source: Buffer): Buffer | 'missing' | 'mismatched' {
  let bytes: Buffer;
  try {
    bytes = readFileSync(cacheOf(file));
  } catch {
    return 'missing';
  }
  const code = bytes.subarray(DIGEST_BYTES);
  return digest(source, code).equals(bytes.subarray(0, DIGEST_BYTES)) ? code : 'mismatched';
}

function digest(source: Buffer, code: Buffer): Buffer {
  return createHash('sha256').update(source).update(code).digest();
}

function cacheOf(file: string): string {
  return `${file}.cache`;
}
