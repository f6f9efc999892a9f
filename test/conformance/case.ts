import { expect } from 'vitest';
import type { AgentAnswer } from '../support/agents/raw-agent.ts';
import type { ConformanceWorld, Script } from './world.ts';

/** One MUST or MUST NOT, and how a running proxy is asked whether it keeps it. */
export interface ConformanceCase {
  /** `RFC 9112 3.2` */
  readonly section: string;
  readonly rule: string;
  readonly run: (world: ConformanceWorld) => Promise<void>;
}

/** A case whose check is a few lines of its own. */
export function must(section: string, rule: string, run: ConformanceCase['run']): ConformanceCase {
  return { section, rule, run };
}

export const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

/** Answers each request head on a connection with the next of these, the last one again and again. */
export function answering(...answers: readonly string[]): Script {
  return (socket) => {
    let pending = '';
    let at = 0;
    socket.on('data', (bytes: Buffer) => {
      pending += bytes.toString('latin1');
      for (let end = pending.indexOf('\r\n\r\n'); end >= 0; end = pending.indexOf('\r\n\r\n')) {
        pending = pending.slice(end + 4);
        socket.write(Buffer.from(answers[Math.min(at, answers.length - 1)] ?? '', 'latin1'));
        at += 1;
      }
    });
  };
}

/** Answers the first request, then ends the connection. */
export function closing(answer: string): Script {
  return (socket) => {
    socket.once('data', () => socket.end(Buffer.from(answer, 'latin1')));
  };
}

/**
 * A request as an agent of the proxy writes it. `{at}` stands for the upstream's authority; the fields follow the
 * request line and Host, the body follows the empty line.
 */
export interface Request {
  readonly line?: string;
  readonly host?: string | undefined;
  readonly fields?: readonly string[];
  readonly body?: string;
}

export function write(world: ConformanceWorld, request: Request = {}): string {
  const { line = 'GET http://{at}/ HTTP/1.1', host = 'Host: {at}', fields = [], body = '' } = request;
  const head = [line, ...(host === '' ? [] : [host]), ...fields].join('\r\n');
  return `${head}\r\n\r\n${body}`.replaceAll('{at}', `plain.test:${world.http1.port}`);
}

/** The proxy refuses the request with this status, and no byte reaches the upstream. */
export function refused(
  section: string,
  rule: string,
  request: Request,
  status = 400,
  after: 'closed' | 'kept' = status === 400 ? 'closed' : 'kept',
): ConformanceCase {
  return must(section, rule, async (world) => {
    world.http1.script = answering(OK);
    const agent = await world.agent();
    const answer = await agent.exchange(write(world, request), 'POST');
    expect(answer.status).toBe(status);
    expect(world.http1.received).toBe('');
    // What cannot be framed leaves a connection of no more use (RFC 9112 9.3); what cannot be answered does not.
    if (after === 'closed') await agent.closed();
  });
}

/** The request goes through; what the upstream saw, as text, is checked. */
export function forwarded(
  section: string,
  rule: string,
  request: Request,
  check: (seen: string, answer: AgentAnswer, world: ConformanceWorld) => void,
): ConformanceCase {
  return must(section, rule, async (world) => {
    world.http1.script = answering(OK);
    const text = write(world, request);
    const got = await (await world.agent()).exchange(text);
    check(world.http1.received, got, world);
  });
}

/** The upstream's answer is passed on; what the agent received, as text, is checked. */
export function answered(
  section: string,
  rule: string,
  script: Script | string,
  check: (answer: AgentAnswer, received: string) => void,
  request: Request = {},
): ConformanceCase {
  return must(section, rule, async (world) => {
    world.http1.script = typeof script === 'string' ? answering(script) : script;
    const agent = await world.agent();
    const text = write(world, request);
    const answer = await agent.exchange(text);
    check(answer, agent.received.toString('latin1'));
  });
}

/** The upstream's answer is malformed: the agent is told so, and nothing of the answer. */
export function badGateway(section: string, rule: string, script: Script | string): ConformanceCase {
  return answered(section, rule, script, (answer, received) => {
    expect(answer.status).toBe(502);
    expect(received).not.toContain('evil');
  });
}

/** The value of a field in text as it was sent; undefined when there is none. */
export function field(text: string, name: string): string | undefined {
  return new RegExp(`\r\n${name}:[ \t]*([^\r\n]*)\r\n`, 'i').exec(text)?.[1];
}
