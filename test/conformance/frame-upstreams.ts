import { expect } from 'vitest';
import type { AgentAnswer } from '../support/agents/raw-agent.ts';
import { data, END_STREAM, headers, type Pairs } from '../support/protocols/http2-frames.ts';
import { FrameUpstream } from '../support/upstreams/frame-upstream.ts';
import { type ConformanceCase, must, write } from './case.ts';
import type { ConformanceWorld } from './world.ts';

export const OK: Pairs = [[':status', '200']];
export const GET = 'GET https://plain.test:{h2}/ HTTP/1.1';
export const POST = GET.replace('GET', 'POST');

/** What the upstream does once it has read the request on a stream of its connection. */
export type Answer = (upstream: FrameUpstream, stream: number, connection: number) => void;

interface Asked {
  readonly answer: AgentAnswer;
  readonly upstreams: readonly FrameUpstream[];
}

/** An agent of HTTP/1.1 asks an upstream of HTTP/2. */
export async function ask(
  world: ConformanceWorld,
  reply: Answer,
  line = GET,
  fields: readonly string[] = [],
  body = '',
): Promise<Asked> {
  const upstreams: FrameUpstream[] = [];
  world.http2.script = (socket) => {
    const upstream = new FrameUpstream(socket, (stream) => reply(upstream, stream, upstreams.indexOf(upstream)));
    upstreams.push(upstream);
  };
  const answer = await (await world.agent()).exchange(write(world, { ...toUpstream(world, line), fields, body }));
  return { answer, upstreams };
}

export function toUpstream(world: ConformanceWorld, line: string): { line: string; host: string } {
  return { line: line.replace('{h2}', String(world.http2.port)), host: `Host: plain.test:${world.http2.port}` };
}

/** The answer breaks the rules: the agent gets 502 and nothing of it, the upstream a reset or GOAWAY of this code. */
export function malformed(section: string, rule: string, said: string, reply: Answer): ConformanceCase {
  return must(`RFC 9113 ${section}`, rule, async (world) => {
    const { answer, upstreams } = await ask(world, reply);
    expect(answer.status).toBe(502);
    expect(JSON.stringify([...answer.headers]) + answer.text).not.toContain('evil');
    await upstreams[0]?.until(said);
  });
}

export const ok: Answer = (upstream, stream) => upstream.send(headers(stream, OK), data(stream, 'ok', END_STREAM));
