import { inspect } from 'node:util';
import type { Grant, Injection } from '../../proto/gen/sidekey/v1/grant.ts';

const MASK = '[secret]';

/**
 * Makes a grant safe to print or serialise by accident: the injected value shows as `[secret]`. The bytes stay where the
 * injection reads them.
 */
export function maskGrant(grant: Grant): Grant {
  for (const injection of grant.injections) {
    const mask = { value: () => maskedInjection(injection), enumerable: false };
    Object.defineProperty(injection, 'toJSON', mask);
    Object.defineProperty(injection, inspect.custom, mask);
  }
  return grant;
}

/** Which kind it is and where it goes. */
function maskedInjection({ kind }: Injection): unknown {
  if (kind === undefined) return { unknown: MASK };
  const { value } = kind;
  const places = PLACES.flatMap((name) => (name in value ? [[name, Reflect.get(value, name)]] : []));
  return { [kind.$case]: MASK, ...Object.fromEntries(places) };
}

/** Fields that say where a credential goes; none of them is part of one. */
const PLACES = ['name', 'username', 'index', 'pointer', 'place', 'path'] as const;
