import type { Route } from '../proto/gen/sidekey/v1/route.ts';

/** What an agent's environment holds in place of credentials, by the names that policy gives. Of two for one name the first counts. */
export function placeholderEnvironment(routes: readonly Route[]): Readonly<Record<string, string>> {
  const environment: Record<string, string> = {};
  for (const { environment: name, placeholder } of routes.flatMap((route) => route.placeholders)) {
    if (name !== '') environment[name] ??= placeholder;
  }
  return environment;
}
