import { inspect } from 'node:util';
import type { Grant, Injection } from '../proto/gen/sidekey/v1/grant.ts';

const MASK = '[secret]';

/**
 * Makes a grant safe to print or serialise by accident: the injected value shows as `[secret]`. The bytes stay where the
 * injection reads them.
 */
export function maskGrant(grant: Grant): Grant {
  const { injection } = grant;
  if (injection?.kind === undefined) return grant;
  const mask = { value: () => maskedInjection(injection), enumerable: false };
  Object.defineProperty(injection, 'toJSON', mask);
  Object.defineProperty(injection, inspect.custom, mask);
  return grant;
}

function maskedInjection({ kind }: Injection): unknown {
  switch (kind?.$case) {
    case 'bearer':
      return { bearer: MASK };
    case 'basic':
      return { basic: MASK, username: kind.value.username };
    case 'header':
      return { header: MASK, name: kind.value.name };
    case 'query':
      return { query: MASK, name: kind.value.name };
    default:
      return { unknown: MASK };
  }
}
