import { pathReadings } from '../match/path.ts';
import { readJsonRpc } from './json-rpc.ts';
import { soleMember } from './strict-json.ts';
import { Unreadable } from './unreadable.ts';

/** What one request to an A2A agent asks, by the method names of A2A 0.3. */
export interface A2aCall {
  readonly method: string;
  /** Id of the skill that the request's metadata names; empty when it names none. */
  readonly skill: string;
  /** A message with an address for push notifications, as `tasks/pushNotificationConfig/set` sets one. */
  readonly setsCallback: boolean;
}

/** JSON-RPC methods of A2A 1.0 by their names in 0.3. */
const RENAMED: Readonly<Record<string, string>> = {
  SendMessage: 'message/send',
  SendStreamingMessage: 'message/stream',
  GetTask: 'tasks/get',
  ListTasks: 'tasks/list',
  CancelTask: 'tasks/cancel',
  SubscribeToTask: 'tasks/resubscribe',
  CreateTaskPushNotificationConfig: 'tasks/pushNotificationConfig/set',
  GetTaskPushNotificationConfig: 'tasks/pushNotificationConfig/get',
  ListTaskPushNotificationConfigs: 'tasks/pushNotificationConfig/list',
  DeleteTaskPushNotificationConfig: 'tasks/pushNotificationConfig/delete',
  GetExtendedAgentCard: 'agent/getAuthenticatedExtendedCard',
};

const CONFIGS = String.raw`/tasks/[^/]+/pushNotificationConfigs`;

/** The HTTP+JSON binding, 0.3 and 1.0: HTTP method and the end of the path, whose case Express and ASP.NET do not tell. */
const HTTP_BINDING: readonly (readonly [httpMethod: string, path: RegExp, method: string])[] = [
  ['GET', /\/\.well-known\/agent(?:-card)?\.json$/i, 'agent/card'],
  ['GET', /\/(?:card|extendedAgentCard)$/i, 'agent/getAuthenticatedExtendedCard'],
  ['POST', /\/message:send$/i, 'message/send'],
  ['POST', /\/message:stream$/i, 'message/stream'],
  ['GET', /\/tasks$/i, 'tasks/list'],
  ['GET', /\/tasks\/[^/]+(?<!:subscribe)$/i, 'tasks/get'],
  ['POST', /\/tasks\/[^/]+:cancel$/i, 'tasks/cancel'],
  ['GET', /\/tasks\/[^/]+:subscribe$/i, 'tasks/resubscribe'],
  ['POST', /\/tasks\/[^/]+:subscribe$/i, 'tasks/resubscribe'],
  ['POST', new RegExp(`${CONFIGS}$`, 'i'), 'tasks/pushNotificationConfig/set'],
  ['GET', new RegExp(`${CONFIGS}$`, 'i'), 'tasks/pushNotificationConfig/list'],
  ['GET', new RegExp(`${CONFIGS}/[^/]+$`, 'i'), 'tasks/pushNotificationConfig/get'],
  ['DELETE', new RegExp(`${CONFIGS}/[^/]+$`, 'i'), 'tasks/pushNotificationConfig/delete'],
];

/**
 * Reads a request of the JSON-RPC or the HTTP+JSON binding of A2A 0.3 and 1.0. `body` is strictly parsed JSON.
 *
 * @throws Unreadable
 */
export function readA2a(httpMethod: string, canonicalPath: string, body: () => unknown): A2aCall {
  const bound = boundMethods(httpMethod, canonicalPath.replaceAll('%3A', ':'));
  if (bound.size > 1) throw new Unreadable('servers may read its path in more than one way');
  const [named] = bound;
  if (named !== undefined) {
    const params = httpMethod === 'POST' ? body() : undefined;
    // Some servers of JSON-RPC take it at every path.
    if (soleMember(params, 'jsonrpc') !== undefined) throw new Unreadable('its path and its body may disagree');
    return { method: named, ...readParams(params) };
  }
  if (httpMethod !== 'POST') throw new Unreadable('it is no request of A2A');
  const { method, params } = readJsonRpc(body());
  if (method === undefined) throw new Unreadable('it is an answer, which A2A agents are not sent');
  return { method: (Object.hasOwn(RENAMED, method) ? RENAMED[method] : undefined) ?? method, ...readParams(params) };
}

/** What the path may ask of the HTTP+JSON binding, in every reading; undefined: nothing. */
function boundMethods(httpMethod: string, path: string): Set<string | undefined> {
  const readings = pathReadings(path).map((reading) =>
    HTTP_BINDING.filter(([verb, pattern]) => verb === httpMethod && pattern.test(reading)),
  );
  return new Set(readings.flatMap((found) => (found.length === 0 ? [undefined] : found.map(([, , method]) => method))));
}

/** Of A2A 0.3 and of 1.0, each also as protobuf's JSON takes it. */
const CALLBACKS = [
  'pushNotification',
  'push_notification',
  'pushNotificationConfig',
  'push_notification_config',
  'taskPushNotificationConfig',
  'task_push_notification_config',
];

function readParams(params: unknown): Pick<A2aCall, 'skill' | 'setsCallback'> {
  const configuration = soleMember(params, 'configuration');
  const callbacks = CALLBACKS.map((name) => soleMember(configuration, name) ?? undefined);
  return { skill: readSkill(params), setsCallback: callbacks.some((callback) => callback !== undefined) };
}

const SKILL_MEMBERS = ['skillId', 'skill_id', 'skill'] as const;

/** The second is what the protobuf of 0.3 calls it, whose JSON takes both. */
const MESSAGES = ['message', 'request'] as const;

/** A2A leaves the choice of a skill to metadata; every place that agents are known to read must say the same. */
function readSkill(params: unknown): string {
  const places = [params, ...MESSAGES.map((name) => soleMember(params, name))].map((one) =>
    soleMember(one, 'metadata'),
  );
  const named = places.flatMap((place) => SKILL_MEMBERS.map((name) => soleMember(place, name)));
  const skills = new Set(named.filter((value) => value !== undefined));
  if (skills.size === 0) return '';
  const [skill] = skills;
  if (skills.size > 1 || typeof skill !== 'string') throw new Unreadable('it names more than one skill');
  return skill;
}
