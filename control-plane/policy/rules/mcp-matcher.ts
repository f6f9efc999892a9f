import type { Inspection } from '../../../common/inspection/inspect.ts';
import { plainUri } from '../../../common/inspection/mcp.ts';
import type { AccessRule } from '../../resources/kinds.ts';
import type { Budget } from '../budget.ts';
import { fitFact, type Matcher, type NameTest, nameTest } from './fit.ts';

type Mcp = NonNullable<Inspection['mcp']>;
type McpRule = NonNullable<AccessRule['mcp']>;
type McpTest = (mcp: Mcp, budget: Budget) => boolean;

/** What every session needs; a rule that allows anything of MCP allows these. */
const MCP_LIFECYCLE: ReadonlySet<string> = new Set([
  'initialize',
  'ping',
  'server/discover',
  'notifications/initialized',
  'notifications/cancelled',
  'notifications/progress',
  'notifications/roots/list_changed',
  'logging/setLevel',
  'response',
  'http/stream',
  // The stream since 2026-07-28, as long as it is about no resource.
  'subscriptions/listen',
  'http/end-session',
]);

/** Methods that list what a rule speaks of; the proxy filters their answers. */
const LISTS: Readonly<Record<string, 'tools' | 'resources' | 'prompts'>> = {
  'tools/list': 'tools',
  'resources/list': 'resources',
  'resources/templates/list': 'resources',
  'skills/list': 'resources',
  'prompts/list': 'prompts',
};

/** Whether a message is about nothing that could be called: arguments are not asked for then. */
export function hasTarget({ tool, resource, prompt }: Mcp): boolean {
  return tool !== '' || resource !== '' || prompt !== '';
}

export function mcpMatcher(rule: McpRule, denies: boolean): Matcher {
  const fits = denies ? denyTest(rule) : allowTest(rule);
  return { reads: ['mcp'], fits: ({ request, budget }) => fitFact(request, 'mcp', (mcp) => fits(mcp, budget)) };
}

/** What is listed, the lists of its kind, and the lifecycle; with nothing listed, everything. */
function allowTest(rule: McpRule): McpTest {
  const targets = targetTests(rule, false);
  const isListed = nameTest(rule.methods, false);
  const anything = !rule.methods && !rule.tools && !rule.resources && !rule.prompts;
  return (mcp, budget) => {
    if (anything || (MCP_LIFECYCLE.has(mcp.method) && !hasTarget(mcp))) return true;
    if (rule.methods && !isListed(mcp.method, budget)) return false;
    const kind = kindOf(mcp);
    if (kind !== undefined) return rule[kind] === undefined ? rule.methods !== undefined : targets[kind](mcp, budget);
    const list = Object.hasOwn(LISTS, mcp.method) ? LISTS[mcp.method] : undefined;
    return rule.methods !== undefined || (list !== undefined && rule[list] !== undefined);
  };
}

/** What is listed and nothing else; with nothing listed, everything. */
function denyTest(rule: McpRule): McpTest {
  const targets = targetTests(rule, true);
  const isListed = nameTest(rule.methods, true);
  const named = rule.tools ?? rule.resources ?? rule.prompts;
  return (mcp, budget) => {
    if (!isListed(mcp.method, budget)) return false;
    if (named === undefined) return true;
    const kind = kindOf(mcp);
    return kind !== undefined && rule[kind] !== undefined && targets[kind](mcp, budget);
  };
}

type Kind = 'tools' | 'resources' | 'prompts';

function kindOf({ tool, resource, prompt }: Mcp): Kind | undefined {
  if (tool !== '') return 'tools';
  if (resource !== '') return 'resources';
  return prompt === '' ? undefined : 'prompts';
}

function targetTests(rule: McpRule, denies: boolean): Record<Kind, McpTest> {
  const isTool = nameTest(rule.tools, denies);
  const isResource = resourceTest(rule.resources, denies);
  const isPrompt = nameTest(rule.prompts, denies);
  return {
    tools: ({ tool }, budget) => isTool(tool, budget),
    resources: ({ resource }, budget) => isResource(resource, budget),
    prompts: ({ prompt }, budget) => isPrompt(prompt, budget),
  };
}

/** Servers may serve what is denied however its URI is encoded, and with or without a slash at the end. */
function resourceTest(globs: readonly string[] | undefined, denies: boolean): NameTest {
  if (!denies || globs === undefined) return nameTest(globs, denies);
  const isDenied = nameTest(globs.map(plainUri), true);
  return (uri, budget) => [plainUri(uri), `${plainUri(uri)}/`].some((one) => isDenied(one, budget));
}
