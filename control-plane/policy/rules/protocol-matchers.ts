import type { AccessRule } from '../../resources/kinds.ts';
import { fitFact, type Matcher, nameTest } from './fit.ts';
import { mcpMatcher } from './mcp-matcher.ts';

/** Matchers over what the body says in its protocol. */
export function protocolMatchers(rule: AccessRule, denies: boolean): Matcher[] {
  const { graphql, grpc, jsonRpc, mcp, a2a } = rule;
  const matchers: Matcher[] = [];
  if (graphql) matchers.push(graphqlMatcher(graphql, denies));
  if (grpc) matchers.push(grpcMatcher(grpc, denies, rule.paths !== undefined));
  if (jsonRpc) {
    const isListed = nameTest(jsonRpc.methods, denies);
    matchers.push({
      reads: ['jsonRpc'],
      fits: ({ request, budget }) => fitFact(request, 'jsonRpc', ({ method }) => isListed(method, budget)),
    });
  }
  if (mcp) matchers.push(mcpMatcher(mcp, denies));
  if (a2a) matchers.push(a2aMatcher(a2a, denies));
  return matchers;
}

function graphqlMatcher(rule: NonNullable<AccessRule['graphql']>, denies: boolean): Matcher {
  const { types } = rule;
  const isName = nameTest(rule.names, denies);
  const isField = nameTest(rule.rootFields, denies);
  return {
    reads: ['graphql'],
    fits: ({ request, budget }) =>
      fitFact(request, 'graphql', ({ operationType, operationName, rootFields }) => {
        if (types && !types.some((type) => type === operationType)) return false;
        if (!isName(operationName, budget)) return false;
        const isListed = (field: string): boolean => isField(field, budget);
        return denies ? rootFields.some(isListed) : rootFields.every(isListed);
      }),
  };
}

/**
 * `/package.Service/Method`, whatever the content type: servers that speak gRPC often speak Connect at the same path. Connect and Twirp
 * may stand below a path of their own, which a rule that allows has to name; grpc-web's proxy in Go takes any.
 */
function grpcMatcher(rule: NonNullable<AccessRule['grpc']>, denies: boolean, namesPaths: boolean): Matcher {
  const isService = nameTest(rule.services, denies);
  const isMethod = nameTest(rule.methods, denies);
  const named = namesPaths ? /\/([\w.]+)\/(\w+)$/ : /^\/([\w.]+)\/(\w+)$/;
  // Not all names are those of protobuf.
  const procedure = denies ? /\/([^/]+)\/([^/]+)$/ : named;
  return {
    reads: ['path'],
    fits: ({ request, budget }) => {
      const [, service, method] = procedure.exec(request.path) ?? [];
      return service !== undefined && method !== undefined && isService(service, budget) && isMethod(method, budget);
    },
  };
}

/** Fetching the public card: whoever may ask anything may do that. */
const A2A_LIFECYCLE = 'agent/card';
/** What a message with an address for push notifications asks too. */
const A2A_CALLBACK = 'tasks/pushNotificationConfig/set';

function a2aMatcher(rule: NonNullable<AccessRule['a2a']>, denies: boolean): Matcher {
  const isMethod = nameTest(rule.methods, denies);
  const isSkill = nameTest(rule.skills, denies);
  return {
    reads: ['a2a'],
    fits: ({ request, budget }) =>
      fitFact(request, 'a2a', ({ method, skill, setsCallback }) => {
        const fitsOne = (asked: string): boolean => {
          if (!denies && asked === A2A_LIFECYCLE) return true;
          if (!isMethod(asked, budget)) return false;
          // Only messages choose a skill; tasks are what came of them.
          return asked.startsWith('message/') ? isSkill(skill, budget) : !denies || rule.skills === undefined;
        };
        const all = setsCallback ? [method, A2A_CALLBACK] : [method];
        return denies ? all.some(fitsOne) : all.every(fitsOne);
      }),
  };
}
