import { fileURLToPath } from 'node:url';
import { loadBundle } from '../common/code-cache.ts';

/** dist/proxy.js: what main.ts exports, out of the bundle beside it. */

export type { Proxy, ProxyConfig } from './main.ts';

const bundle = loadBundle<typeof import('./main.ts')>(fileURLToPath(new URL('./proxy.cjs', import.meta.url)));

export const { startProxy } = bundle.exports;
export const { codeCache, saveCodeCache } = bundle;
