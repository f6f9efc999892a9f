import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type CodeCacheState, loadBundle } from '../../../common/code-cache.ts';
import { withFolder } from '../../support/folder.ts';

interface Greeting {
  greet(): string;
  keep(state: string): void;
}

const DIGEST_BYTES = 32;

/** As the build makes it; both words have one length. */
function bundleThatSays(word: 'hello' | 'ahoy!'): string {
  return `(function(exports,require,module,__filename,__dirname){'use strict';
    let kept = '';
    exports.keep = (state) => { kept = state + require('node:path').sep; };
    exports.greet = () => '${word}' + kept.length;
  })`;
}

/** Runs with a bundle that has its cache. */
function withBundle(run: (file: string) => void): Promise<void> {
  return withFolder(async (folder) => {
    const file = join(folder, 'bundle.cjs');
    writeFileSync(file, bundleThatSays('hello'));
    const first = loadBundle<Greeting>(file);
    expect(first.exports.greet()).toBe('hello0');
    first.saveCodeCache();
    run(file);
  });
}

let starts = 0;

/** Under a name that is new: within one process V8 would find the old name's code without looking at the cache. */
function start(file: string): { codeCache: CodeCacheState; said: string } {
  starts += 1;
  const copy = join(mkdtempSync(join(file, '..', 'copy-')), `bundle-${starts}.cjs`);
  for (const end of ['', '.cache']) if (existsSync(`${file}${end}`)) cpSync(`${file}${end}`, `${copy}${end}`);
  const before = readdirSync(dirname(copy));
  const { exports, codeCache } = loadBundle<Greeting>(copy);
  expect(readdirSync(dirname(copy))).toEqual(before);
  return { codeCache, said: exports.greet() };
}

/** Changes one byte of the cache. */
function damage(file: string, at: number): Buffer {
  const bytes = readFileSync(`${file}.cache`);
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  writeFileSync(`${file}.cache`, bytes);
  return bytes;
}

describe('a bundle and its code cache', () => {
  it('starts from the cache that was made of it', () =>
    withBundle((file) => {
      expect(start(file)).toEqual({ codeCache: 'used', said: 'hello0' });
    }));

  it('starts without a cache, and leaves none', () =>
    withBundle((file) => {
      rmSync(`${file}.cache`);
      expect(start(file)).toEqual({ codeCache: 'missing', said: 'hello0' });
    }));

  it('runs changed source of the same length, not the code of the old', () =>
    withBundle((file) => {
      writeFileSync(file, bundleThatSays('ahoy!'));
      expect(start(file)).toEqual({ codeCache: 'mismatched', said: 'ahoy!0' });
    }));

  it('uses no part of a cache that is damaged anywhere, or cut', () =>
    withBundle((file) => {
      const whole = readFileSync(`${file}.cache`);
      for (let at = 0; at < whole.length; at += 61) {
        damage(file, at);
        expect(start(file)).toEqual({ codeCache: 'mismatched', said: 'hello0' });
        writeFileSync(`${file}.cache`, whole);
      }
      for (const length of [0, 1, DIGEST_BYTES, whole.length - 1]) {
        writeFileSync(`${file}.cache`, whole.subarray(0, length));
        expect(start(file)).toEqual({ codeCache: 'mismatched', said: 'hello0' });
      }
    }));

  // V8 does not tell them apart: Node 20.19.0 takes the cache of 20.20.2, whose patches to V8 are others, and crashes.
  it('uses no cache that another release of Node made', () =>
    withBundle((file) => {
      const version = Object.getOwnPropertyDescriptor(process, 'version') ?? {};
      Object.defineProperty(process, 'version', { ...version, value: 'v20.0.0' });
      try {
        expect(start(file)).toEqual({ codeCache: 'mismatched', said: 'hello0' });
      } finally {
        Object.defineProperty(process, 'version', version);
      }
    }));

  it('starts with the cache of another V8, which V8 refuses', () =>
    withBundle((file) => {
      // The second word of V8's own header is a hash of its version (SerializedCodeData in V8).
      const code = damage(file, DIGEST_BYTES + 4).subarray(DIGEST_BYTES);
      const release = `${process.version} ${process.arch}\n`;
      const digest = createHash('sha256').update(release).update(readFileSync(file)).update(code).digest();
      writeFileSync(`${file}.cache`, Buffer.concat([digest, code]));
      expect(start(file)).toEqual({ codeCache: 'refused', said: 'hello0' });
    }));

  it('keeps code, and nothing that the code held', () =>
    withBundle((file) => {
      const secret = createHash('sha256').update('of this run').digest('hex');
      const bundle = loadBundle<Greeting>(file);
      bundle.exports.keep(secret);
      bundle.saveCodeCache();
      const cache = readFileSync(`${file}.cache`);
      expect(cache.includes('hello')).toBe(true);
      expect(cache.includes(secret)).toBe(false);
    }));
});
