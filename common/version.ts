import { readFileSync } from 'node:fs';

declare const __SIDEKEY_VERSION__: string | undefined;

/** Set by the build; read from package.json when run from source. */
export const VERSION: string = typeof __SIDEKEY_VERSION__ === 'string' ? __SIDEKEY_VERSION__ : readVersion();

function readVersion(): string {
  const found: unknown = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  return typeof found === 'object' && found !== null && 'version' in found ? String(found.version) : 'unknown';
}
