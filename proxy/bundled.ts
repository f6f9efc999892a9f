import { fileURLToPath } from 'node:url';
import { loadBundle } from '../common/code-cache.ts';
import type * as main from './main.ts';

/** dist/proxy.js: what main.ts exports, out of the bundle beside it. */
const bundle = loadBundle<typeof main>(fileURLToPath(new URL('./proxy.cjs', import.meta.url)));

export const { startProxy } = bundle.exports;
export const { codeCache, saveCodeCache } = bundle;
