import type { HeaderList } from '../../protocols/header-list.ts';
import type { AgentStream } from '../streams.ts';
import { type DialTarget, overHttp1 } from './dial-target.ts';

/** Schemes that log a connection in: whoever comes next over it is taken for who did (RFC 4559; RFC 9110 section 16.4.2). */
const CONNECTION_LOGIN = /^(?:ntlm|negotiate)(?: |$)/i;

/** Numbers of the agents that have sent such a login: one for a connection of HTTP/1.1, or a stream of HTTP/2. */
const numbers = new WeakMap<AgentStream, number>();
let lastNumber = 0;

/**
 * The same way, or, for an agent that logs connections in, one that no other agent shares: connections of its own, and HTTP/1.1,
 * as HTTP/2 has no such logins. It goes on so, as it takes its connection for the one that it logged in. A login that was
 * injected is for this call alone, and so is its connection.
 */
export function apartForLogins(
  target: DialTarget,
  agent: AgentStream,
  headers: HeaderList,
  isInjected: boolean,
): DialTarget {
  const known = isInjected ? undefined : numbers.get(agent);
  if (known === undefined && !headers.getAll('authorization').some((value) => CONNECTION_LOGIN.test(value)))
    return target;
  const number = known ?? (lastNumber += 1);
  if (!isInjected) numbers.set(agent, number);
  const own = overHttp1(target);
  return { ...own, key: `${own.key}|login ${number}` };
}
