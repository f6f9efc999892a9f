import { readFileSync } from 'node:fs';
import { UsageError } from '../../common/errors.ts';
import type { Route } from '../../proto/gen/sidekey/v1/route.ts';
import { writeWhole } from '../whole-file.ts';

/** What policy says of an agent's environment; nothing of it is secret. */
export interface AgentVariables {
  /** Environment variables that the policy's credentials take the place of. */
  readonly replacedVariables: readonly string[];
  /** What its environment holds in place of credentials, by the names that policy gives. */
  readonly placeholders: Readonly<Record<string, string>>;
}

/** Of two placeholders for one name the first counts. */
export function agentVariablesOf(routes: readonly Route[]): AgentVariables {
  const replaced = new Set(routes.flatMap(({ agent }) => agent?.replacedVariables ?? []));
  const placeholders: Record<string, string> = {};
  for (const { environment: name, placeholder } of routes.flatMap((route) => route.placeholders)) {
    if (name !== '') placeholders[name] ??= placeholder;
  }
  return { replacedVariables: [...replaced].sort(), placeholders };
}

/** Leaves them in a file, in one step; agents of other users may read it. */
export function writeAgentVariables(file: string, variables: AgentVariables): void {
  writeWhole(file, `${JSON.stringify(variables, undefined, 2)}\n`, 0o644);
}

/** @throws UsageError when the file is not there, or was written by nothing of ours */
export function readAgentVariables(file: string): AgentVariables {
  try {
    const found: unknown = JSON.parse(readFileSync(file, 'utf8'));
    const { replacedVariables, placeholders } = found as Record<keyof AgentVariables, unknown>;
    if (!Array.isArray(replacedVariables) || typeof placeholders !== 'object' || placeholders === null) {
      throw new TypeError('it has no variables');
    }
    const isText = (entry: [string, unknown]): entry is [string, string] => typeof entry[1] === 'string';
    return {
      replacedVariables: replacedVariables.map(String),
      placeholders: Object.fromEntries(Object.entries(placeholders).filter(isText)),
    };
  } catch (cause) {
    const message = `cannot read ${file}, which the proxy writes once it has its policy`;
    throw new UsageError('bad-agent-variables', message, { cause });
  }
}
