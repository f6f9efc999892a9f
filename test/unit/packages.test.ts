import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const read = (file: string): unknown => JSON.parse(readFileSync(file, 'utf8'));
const { allowScripts } = read('package.json') as { readonly allowScripts: Readonly<Record<string, boolean>> };
const { packages } = read('package-lock.json') as {
  readonly packages: Readonly<Record<string, { readonly hasInstallScript?: boolean }>>;
};

/** npm 11 warns of each install script that package.json does not decide about. */
it('no install script of a package is allowed to run, and every one is named', () => {
  const scripted = Object.entries(packages).filter(([, { hasInstallScript }]) => hasInstallScript === true);
  const names = scripted.map(([path]) => path.replace(/^.*node_modules\//, ''));
  expect(allowScripts).toEqual(Object.fromEntries(names.map((name) => [name, false])));
});
