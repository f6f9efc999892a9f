import { cpSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { withFolder } from '../support/folder.ts';
import { runProcess } from '../support/process.ts';

const FILES = ['proxy.js', 'proxy.cjs', 'proxy.cjs.cache'] as const;
const TIMEOUT_MS = 90_000;

/** Starts the proxy of this bundle, which listens before it has reached anyone, and says what became of the cache. */
const STARTER = `
  const { codeCache, startProxy } = await import(process.argv[1]);
  const { address } = await startProxy({
    controlPlane: { address: '127.0.0.1:1', caPem: '', tenant: 'default' }, evidence: async () => [],
    listen: { host: '127.0.0.1', port: 0 }, authority: 'local', unrouted: 'deny', logLevel: 'silent',
  });
  console.log(codeCache, address.port > 0);
  process.exit();`;

async function startFrom(folder: string, ...flags: string[]): Promise<string> {
  const args = [...flags, '--input-type=module', '--eval', STARTER, join(folder, 'proxy.js')];
  const end = await runProcess([process.execPath, ...args], { PATH: process.env['PATH'] }, { timeoutMs: TIMEOUT_MS });
  return `${end.stderr}${end.stdout}`.trim();
}

/** A copy of the bundle, alone: `type: module` as the image has it. */
function copyTo(folder: string): void {
  for (const name of FILES) cpSync(join('dist', name), join(folder, name));
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
}

describe.skipIf(!existsSync('dist/proxy.cjs'))(
  'the proxy that was built (needs dist/: npm run build)',
  { timeout: TIMEOUT_MS },
  () => {
    it('starts from its code cache, wherever it lies', () =>
      withFolder(async (folder) => {
        copyTo(folder);
        expect(await startFrom(folder)).toBe('used true');
      }));

    it('starts without it: other flags of V8, damage, other source', () =>
      withFolder(async (folder) => {
        copyTo(folder);
        expect(await startFrom(folder, '--no-lazy')).toBe('refused true');
        const cache = readFileSync(join(folder, 'proxy.cjs.cache'));
        writeFileSync(join(folder, 'proxy.cjs.cache'), cache.fill(0, cache.length >> 1));
        expect(await startFrom(folder)).toBe('mismatched true');
        copyTo(folder);
        writeFileSync(
          join(folder, 'proxy.cjs'),
          readFileSync('dist/proxy.cjs', 'latin1').replace('127.0.0.0/8', '127.0.0.0/9'),
        );
        expect(await startFrom(folder)).toBe('mismatched true');
      }));
  },
);
