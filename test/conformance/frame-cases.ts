import { expect } from 'vitest';
import type { FrameAgent } from './frame-agent.ts';
import { END_STREAM, headers, type Pairs } from '../support/protocols/http2-frames.ts';
import { answering, must, OK, type ConformanceCase } from './case.ts';

/** The agent breaks the connection's rules: GOAWAY with this code, and the connection ends (RFC 9113 5.4.1). */
export function breaks(
  section: string,
  rule: string,
  code: string,
  send: (agent: FrameAgent) => readonly Buffer[],
): ConformanceCase {
  return must(`RFC 9113 ${section}`, rule, async (world) => {
    world.secure.script = answering(OK);
    const agent = await world.frames();
    agent.start(...send(agent));
    expect(await agent.broken()).toMatch(new RegExp(`^GOAWAY \\d+ ${code}$`));
  });
}

/** The agent breaks a stream's rules: that stream is reset with this code, a later one is served (RFC 9113 5.4.2). */
export function resets(
  section: string,
  rule: string,
  code: string,
  send: (agent: FrameAgent) => readonly Buffer[],
): ConformanceCase {
  return must(`RFC 9113 ${section}`, rule, async (world) => {
    world.secure.script = answering(OK);
    const agent = await world.frames();
    agent.start(...send(agent));
    await agent.until(`RST_STREAM 1 ${code}`);
    const before = world.secure.received;
    expect(before).not.toContain('evil');
    agent.send(headers(5, agent.get(), END_STREAM));
    expect((await agent.whole(5)).status).toBe('200');
  });
}

/** What the agent does is no fault: its request on stream 1 is served. */
export function serves(section: string, rule: string, send: (agent: FrameAgent) => readonly Buffer[]): ConformanceCase {
  return must(`RFC 9113 ${section}`, rule, async (world) => {
    world.secure.script = answering(OK);
    const agent = await world.frames();
    agent.start(...send(agent));
    expect((await agent.whole()).status).toBe('200');
  });
}

/** RFC 9113 8: a request that is malformed is a stream error, and reaches no upstream. */
export function malformed(section: string, rule: string, make: (agent: FrameAgent) => Pairs): ConformanceCase {
  return resets(section, rule, 'PROTOCOL_ERROR', (agent) => [headers(1, make(agent), END_STREAM)]);
}
