import { ALL_PATHS, type PathForms, readingsWithoutFormat, STRICT_PATHS } from '../../../common/match/path.ts';
import { canonicalOf } from '../protocols/confusing-path.ts';
import { compilePathPattern } from '../../../common/match/path-pattern.ts';
import type { Random } from '../random.ts';

/** Paths that a server may take for something below `/private`. */

const PIECES = [
  ...[
    '/',
    '/',
    '/',
    '/',
    '//',
    '/./',
    '/../',
    '/..',
    '..',
    '.',
    '...',
    '/.../',
    ';',
    ';/',
    ';a=b',
    '/;/',
    '..;/',
    ';jsessionid=1',
  ],
  ...[
    '%2f',
    '%2F',
    '%5c',
    '\\',
    '%2e',
    '%2e%2e',
    '%2E.',
    '.%2e/',
    '%252e%252e',
    '%252f',
    '%25',
    '%2525',
    '%00',
    '%20',
    '%09',
    '%0a',
    '%0d',
  ],
  ...[
    '%23',
    '#',
    '%3f',
    '?',
    '%3b',
    '%3B',
    '%26',
    '&',
    '=',
    '@',
    ':',
    '*',
    '~',
    '+',
    ',',
    '!',
    '$',
    '(',
    ')',
    "'",
    '|',
    '^',
    '`',
    '{',
    '[',
    '<',
    '"',
  ],
  ...[
    '%c0%af',
    '%c0%ae',
    '%e0%80%af',
    '%ef%bc%8f',
    '%ef%bc%8e',
    '%e2%88%95',
    '%c3%a9',
    '%e2%80%ae',
    '%ff',
    '%u002f',
    '%uff0f',
    '%zz',
    '%',
  ],
  ...[
    'public',
    'public',
    'private',
    'private',
    'private',
    'Private',
    'PRIVATE',
    '%70rivate',
    'privat%65',
    'p%72ivate',
    'private%2f',
    'private.',
    'private ',
  ],
  ...[
    'marker.txt',
    'index.html',
    'index.php',
    'a.txt',
    'a',
    'http://',
    'http:/',
    'a.test',
    '/private/marker.txt',
    '/private',
    '\u017f',
    '.json',
    '.html',
    '::$DATA',
    '%3a%3a',
  ],
];
const STARTS = ['/public/', '/public/', '/public', '/', '/private', '/private', '//', '/public/private', '/%70ublic/'];

export function privatePath(random: Random): string {
  let path = random.pick(STARTS);
  for (let count = random.below(7); count > 0; count -= 1) path += random.pick(PIECES);
  return path;
}

const PUBLIC = compilePathPattern('/public/**');
const DENIED = compilePathPattern('/private/**', 'lenient');

export const POLICIES = ['allows /public/**', 'denies /private/**'] as const;
type Policy = (typeof POLICIES)[number];

/** The canonical path, when the policy lets it through. */
export function passes(raw: string, policy: Policy, forms: PathForms): string | undefined {
  const path = canonicalOf(raw.split('?', 1)[0] ?? '', forms);
  if (path === undefined) return undefined;
  const isAllowed =
    policy === 'allows /public/**'
      ? PUBLIC.matches(path)
      : !readingsWithoutFormat(path).some((reading) => DENIED.matches(reading));
  return isAllowed ? path : undefined;
}

export const FORMS: readonly PathForms[] = [STRICT_PATHS, ALL_PATHS];
