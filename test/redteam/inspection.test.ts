import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Answer } from '../../policy-client/index.ts';
import { RevocationTarget } from '../../proto/gen/sidekey/v1/grant.ts';
import { type InspectingWorld, startInspectingWorld } from '../support/worlds/inspecting-world.ts';
import { SECRET } from '../support/worlds/proxy-world.ts';
import type { AgentAnswer, RawAgent } from '../support/agents/raw-agent.ts';
import { until } from '../support/until.ts';
import type { UpstreamHandler } from '../support/upstreams/upstream.ts';
import { policySet } from '../support/control-plane/policy-set.ts';

const POLICY = policySet({
  ServerWorkload: { api: { hosts: ['api.example.com'], inspectBytes: 2_000 } },
  AccessPolicy: {
    rules: {
      clientWorkload: 'billing-agent',
      serverWorkload: 'api',
      rules: [
        { paths: ['/issues'], when: 'request.json.title == "bug"' },
        { paths: ['/mcp'], mcp: { tools: ['search'] } },
        { paths: ['/a2a/**'], a2a: { methods: ['message/*', 'tasks/get'] } },
      ],
    },
  },
});
const LIST = '{"jsonrpc":"2.0","id":1,"method":"tools/list"}';
const TOOLS = `{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"search"},{"name":"wipe","for":"${SECRET}"}]}}`;

let world: InspectingWorld;
beforeEach(async () => {
  world = await startInspectingWorld(POLICY, { maskedAnswerFields: ['access_token'] });
});
afterEach(() => world.close());

const json = (path: string, body: string, headers: readonly string[] = []): string =>
  world.request('POST', path, ['Content-Type: application/json', ...headers, `Content-Length: ${body.length}`], body);

async function codeOf(request: string): Promise<string> {
  const agent = await world.agent();
  const answer = await agent.exchange(request);
  expect(world.upstream.seen).toEqual([]);
  return JSON.parse(answer.text).code;
}

/** The upstream's answer to a list of tools, as the agent gets it. */
async function listed(handler: UpstreamHandler): Promise<AgentAnswer> {
  world.upstream.handle((request, response) => {
    request.resume();
    handler(request, response);
  });
  const agent = await world.agent();
  return agent.exchange(json('/mcp', LIST));
}

function chunked(body: string, size: number): string {
  let text = '';
  for (let at = 0; at < body.length; at += size) {
    const piece = body.slice(at, at + size);
    text += `${piece.length.toString(16)}\r\n${piece}\r\n`;
  }
  return `${text}0\r\n\r\n`;
}

describe('A-24 A-25 a body that rules cannot read', () => {
  const head = ['Content-Type: application/json', 'Transfer-Encoding: chunked'];
  test.each([
    ['longer, of no known length', `{"pad":"${'x'.repeat(9_000)}","title":"bug"}`, 500],
    ['doubled key, a byte in each chunk', '{"title":"bug","ti\\u0074le":"feature"}', 1],
    ['two values', '{"title":"bug"}{"title":"feature"}', 3],
    ['not UTF-8', '{"title":"bug","x":"\xff\xfe"}', 64],
  ])('%s', async (_title, body, size) => {
    expect(await codeOf(world.request('POST', '/issues', head, chunked(body, size)))).toBe('body-uninspectable');
  });

  test.each([
    'multipart/form-data; boundary=x',
    'multipart/mixed; boundary=x',
    'text/plain',
    'application/json; charset=utf-16',
    'application/json; charset=utf-7',
    'application/json;charset="iso-8859-1"',
    'application/json, text/plain',
    'application/x-www-form-urlencoded',
  ])('of type %s', async (type) => {
    const body = type.includes('utf-16')
      ? Buffer.from('{"title":"bug"}', 'utf16le').toString('latin1')
      : '{"title":"bug"}';
    const own = [`Content-Type: ${type}`, `Content-Length: ${body.length}`];
    expect(await codeOf(world.request('POST', '/issues', own, body))).toBe('body-uninspectable');
  });

  test('of two types', async () => {
    const own = ['Content-Type: application/json', 'Content-Type: text/plain', 'Content-Length: 15'];
    expect(await codeOf(world.request('POST', '/issues', own, '{"title":"bug"}'))).toBe('body-uninspectable');
  });

  test('compressed twice, or named so', async () => {
    for (const coding of ['gzip', 'identity, gzip', 'br', 'x-unknown']) {
      const request = json('/issues', '{"title":"bug"}', [`Content-Encoding: ${coding}`]);
      expect(await codeOf(request), coding).toBe('body-uninspectable');
    }
  });
});

test('A-17 A-18 a placeholder inside a body that was held for policy does not leave', async () => {
  const body = `{"title":"bug","key":"sk_placeholder_${'m'.repeat(43)}"}`;
  expect(await codeOf(json('/issues', body))).toBe('placeholder-refused');
});

test.each([
  ['A2A 0.3', '"pushNotificationConfig"'],
  ['A2A 1.0', '"taskPushNotificationConfig"'],
  ['protobuf', '"task_push_notification\\u005fconfig"'],
])('A-57 a message sets no address for notifications that policy does not let it set: %s', async (_title, name) => {
  const params = `{"message":{},"configuration":{${name}:{"url":"https://evil.test"}}}`;
  const rpc = `{"jsonrpc":"2.0","id":1,"method":"message/send","params":${params}}`;
  expect(await codeOf(json('/a2a/rpc', rpc))).toBe('rule-denied');
  expect(await codeOf(json('/a2a/v1/message:stream', params))).toBe('rule-denied');
  const agent = await world.agent();
  expect((await agent.exchange(json('/a2a/rpc', rpc.replace(name, '"blocking"')))).status).toBe(200);
});

test('A-57 a JSON-RPC request of A2A does not pass as what its path says', async () => {
  const rpc = '{"jsonrpc":"2.0","id":1,"method":"tasks/cancel","params":{"id":"1"}}';
  expect(await codeOf(json('/a2a/message:send', rpc))).toBe('message-refused');
  expect(await codeOf(json('/a2a/message:send', rpc.replace('jsonrpc', 'JsonRpc')))).toBe('message-refused');
});

describe('A-57 lists of tools', () => {
  const expectFiltered = (answer: AgentAnswer): void => {
    expect(answer.text).toContain('search');
    expect(answer.text).not.toMatch(/wipe|sk-live/);
  };

  test.each([
    ['a batch', `[${LIST}]`],
    ['a doubled key', LIST.replace('"method"', '"method":"ping","method"')],
    ['a key in another case', LIST.replace('"method"', '"Method":"ping","method"')],
  ])('are not asked for by %s', async (_title, body) => {
    expect(await codeOf(json('/mcp', body))).toBe('message-refused');
  });

  test('compressed though not asked to be', async () => {
    expectFiltered(
      await listed((request, response) => {
        expect(request.headers['accept-encoding']).toBe('identity');
        response
          .writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' })
          .end(gzipSync(TOOLS));
      }),
    );
  });

  test('with a declared length, which then no longer holds', async () => {
    const answer = await listed((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': TOOLS.length }).end(TOOLS);
    });
    expectFiltered(answer);
    expect(answer.headers.has('content-length')).toBe(false);
  });

  test('in a stream that is cut at every byte', async () => {
    expectFiltered(
      await listed(async (_request, response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        for (const byte of `event: message\r\ndata: ${TOOLS.replace('"result"', '\r\ndata: "result"')}\r\n\r\n`) {
          response.write(byte);
          await new Promise((resolve) => setImmediate(resolve));
        }
        response.end();
      }),
    );
  });

  test.each([
    ['a batch', `[${TOOLS}]`, {}],
    ['a doubled list', TOOLS.replace('"tools"', '"tools":[],"tools"'), {}],
    ['a compressed batch', gzipSync(`[${TOOLS}]`), { 'content-encoding': 'gzip' }],
  ])('as %s end the answer', async (_title, body, coded) => {
    const headers = { 'content-type': 'application/json', ...coded };
    await expect(listed((_request, response) => response.writeHead(200, headers).end(body))).rejects.toThrow();
    expect(world.decisions()).toEqual(['answer-refused mcp:tools/list']);
  });

  test.each(['text/plain; a=application/json', 'application/json; a=text/event-stream'])('sent as %s', async (type) => {
    const answer = await listed((_request, response) => response.writeHead(200, { 'content-type': type }).end(TOOLS));
    expect(answer.status).toBe(502);
    expect(JSON.parse(answer.text).code).toBe('answer-refused');
  });
});

describe('A-57 while a list waits for policy', () => {
  const EVENT = `data: ${TOOLS}\n\n`;
  const FILLER = Buffer.from(`: ${'x'.repeat(65_532)}\n\n`);
  const MANY = 512;
  let written = 0;
  let gone = false;
  let settle: (answer?: Error) => void;
  let agent: RawAgent;

  beforeEach(async () => {
    [written, gone] = [0, false];
    const decide = world.client.decide;
    const held = new Promise<Error | undefined>((resolve) => (settle = resolve));
    let asked = false;
    world.client.decide = async (question): Promise<Answer> => {
      if (question.dryRun === true) {
        asked = true;
        const error = await held;
        if (error !== undefined) throw error;
      }
      return decide(question);
    };
    world.upstream.handle(async (request, response) => {
      request.resume();
      let wake = (): void => {};
      response.on('drain', () => wake());
      response.on('close', () => {
        gone = true;
        wake();
      });
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write(EVENT);
      for (; written < MANY && !gone; written += 1) {
        if (response.write(FILLER) || gone) continue;
        await new Promise<void>((resolve) => (wake = resolve));
      }
      response.end();
    });
    agent = await world.agent();
    agent.send(json('/mcp', LIST));
    await until('policy is asked', () => asked);
  });

  test('the upstream waits too, and nothing is lost', async () => {
    let before = -1;
    await until('the upstream stops', () => {
      const still = before === written;
      before = written;
      return still && written > 0;
    });
    expect(written).toBeLessThan(MANY);
    settle();
    const answer = await agent.answer('POST');
    expect(answer.text).not.toContain('wipe');
    expect(answer.body.length).toBeGreaterThan(MANY * FILLER.length);
  }, 30_000);

  test('a revocation ends it', async () => {
    const target = RevocationTarget.REVOCATION_TARGET_SESSION;
    world.client.revoke({ id: '1', target, name: 'session-1', at: undefined, lifted: false });
    expect(await agent.closed()).not.toContain('search');
    await until('the upstream is let go', () => gone);
    settle();
    expect(world.decisions()).toEqual(['session-revoked mcp:tools/list']);
  }, 60_000);

  test.each([['policy answers'], ['policy fails']])(
    'the agent leaves, then %s',
    async (how) => {
      // A mere FIN could be that of an agent which still reads.
      agent.socket.resetAndDestroy();
      await until('the upstream is let go', () => gone);
      settle(how === 'policy fails' ? new Error('no answer') : undefined);
      await until('it is recorded', () => world.decisions().length === 1);
      expect(world.decisions()).toEqual(['agent-closed mcp:tools/list']);
    },
    60_000,
  );

  test('policy that fails ends the answer', async () => {
    settle(new Error('no answer'));
    expect(await agent.closed()).not.toMatch(/wipe|search/);
    expect(world.decisions()).toEqual(['internal-error mcp:tools/list']);
  }, 60_000);
});
