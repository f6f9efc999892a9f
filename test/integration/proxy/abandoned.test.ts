import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { REASONS } from '../../../proto/reasons.ts';
import { PREFACE } from '../../../proxy/protocols/http2/frames.ts';
import { END_STREAM, headers, settings } from '../../support/protocols/http2-frames.ts';
import { type ProxyWorld, startProxyWorld } from '../../support/worlds/proxy-world.ts';
import { connectRaw, type RawAgent } from '../../support/agents/raw-agent.ts';
import { until } from '../../support/until.ts';

// An agent that closes in the middle of a call whose upstream says nothing: the upstream is let go. One that only has no
// more to say is answered.

let world: ProxyWorld;
let answers: { end: () => unknown; isGone: () => boolean }[];
let isBegun: boolean;

beforeEach(async () => {
  answers = [];
  world = await startProxyWorld({
    listeners: ({ httpsPort }) => ({
      local: [{ at: { host: '127.0.0.1', port: 0 }, upstream: { host: 'api.test', port: httpsPort } }],
    }),
  });
  world.upstream.handle((_, response) => {
    if (isBegun) {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write('data: 1\n\n');
    }
    let isGone = false;
    response.on('close', () => (isGone = true));
    answers.push({ end: () => response.end('data: the end\n\n'), isGone: () => isGone });
  });
});
afterEach(() => world.close());

const get = (port: number): string => `GET /x HTTP/1.1\r\nHost: api.test:${port}\r\n\r\n`;
const WAYS: Readonly<Record<string, () => Promise<RawAgent>>> = {
  'HTTP/1.1': async () => (await world.agent()).send(world.request('GET', '/x')),
  'HTTP/1.1 over TLS': async () => {
    const { agent } = await world.tlsAgent('api.test', world.upstream.httpsPort, { ALPNProtocols: ['http/1.1'] });
    return agent.send(get(world.upstream.httpsPort));
  },
  'HTTP/2': async () => {
    const { httpsPort } = world.upstream;
    const { agent } = await world.tlsAgent('api.test', httpsPort, { ALPNProtocols: ['h2'] });
    const head = [
      [':method', 'GET'],
      [':scheme', 'https'],
      [':authority', `api.test:${httpsPort}`],
      [':path', '/x'],
    ] as const;
    return agent.send(PREFACE, settings(), headers(1, head, END_STREAM));
  },
  'a local listener': async () => {
    const agent = await connectRaw(world.proxy.localAddresses[0]?.port ?? 0);
    return agent.send(get(world.upstream.httpsPort));
  },
};

describe.skipIf(process.platform !== 'linux').each(Object.entries(WAYS))('an agent of %s', (_way, call) => {
  describe.each([
    ['before its answer', false],
    ['in its answer', true],
  ])('%s', (_when, begun) => {
    async function waiting(): Promise<RawAgent> {
      isBegun = begun;
      const agent = await call();
      await until('it waits', () => answers.length > 0);
      if (begun) await agent.until((text) => text.includes('data: 1'));
      return agent;
    }

    test('that closes is found out, though the upstream is silent', async () => {
      const agent = await waiting();
      agent.socket.destroy();
      await until('the upstream is let go', () => answers[0]?.isGone() === true, 20_000);
      await until('it is recorded', () => world.client.records.length > 0);
      expect(world.client.records).toMatchObject([{ reason: REASONS['agent-closed'].number }]);
    });

    test('that ends what it has to say is answered, however late', async () => {
      const agent = await waiting();
      agent.socket.end();
      await new Promise((resolve) => setTimeout(resolve, 2_000));
      expect(answers[0]?.isGone()).toBe(false);
      answers[0]?.end();
      expect(await agent.closed()).toContain('data: the end');
      expect(world.client.records).toMatchObject([{ reason: REASONS.ok.number }]);
    });
  });
});
