import type { PolicyClient, Question } from '../../policy-client/index.ts';
import { InspectedFacts } from '../../proto/gen/sidekey/v1/route.ts';
import type { ListedThing } from './answer-filter.ts';

const METHODS = { tool: 'tools/call', resource: 'resources/read', prompt: 'prompts/get' } as const;

/**
 * Which of the listed things the agent could ask for, by the policy that decides when it does: one dry question each, answered
 * from the cache like any other. What cannot be asked is not allowed.
 *
 * @param question that of the request whose answer lists them
 */
export async function askListed(
  client: Pick<PolicyClient, 'authorize'>,
  question: Question,
  things: readonly ListedThing[],
): Promise<boolean[]> {
  const answers = things.map(async (thing) => client.authorize(dryQuestion(question, thing)));
  return (await Promise.all(answers)).map((answer) => answer.kind === 'grant');
}

/** The question that the agent's own request for the thing would raise, as far as it is known. */
function dryQuestion(question: Question, { kind, name }: ListedThing): Question {
  const asked = question.inspected;
  const mcp = {
    method: METHODS[kind],
    tool: kind === 'tool' ? name : '',
    resource: kind === 'resource' ? name : '',
    prompt: kind === 'prompt' ? name : '',
    arguments: asked?.mcp?.arguments === '' ? '' : '{}',
  };
  const contentType = asked?.contentType === undefined ? {} : { contentType: 'application/json' };
  return {
    ...question,
    method: 'POST',
    dryRun: true,
    inspected: InspectedFacts.fromPartial({ ...asked, ...contentType, mcp }),
  };
}
