import { readdirSync, readFileSync } from 'node:fs';

/** Every page that people read, by path, but the history in CHANGELOG.md. */
export const PAGES: readonly string[] = [
  'README.md',
  'SECURITY.md',
  'CONTRIBUTING.md',
  ...['docs', 'examples'].flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.md'))
      .sort()
      .map((name) => `${folder}/${name}`),
  ),
];

export const readPage = (page: string): string => readFileSync(page, 'utf8');
