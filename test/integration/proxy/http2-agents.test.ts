import { afterEach, beforeEach, expect, test } from 'vitest';
import { type ConformanceWorld, startConformanceWorld } from '../../conformance/world.ts';
import { data, END_STREAM, headers, windowUpdate } from '../../support/protocols/http2-frames.ts';
import { until } from '../../support/until.ts';

/** HTTP/2 agents that are slow, or leave early; their windows are the 65,535 octets of RFC 9113 6.9.2. */

/** The last record of TLS brings what no longer fits into the window, and the end. */
const BODY_BYTES = 73_000;

/** What may not come late. */
const LATE: readonly (readonly [string, string])[] = [
  ['content-type', 'application/json'],
  ['content-encoding', 'gzip'],
  ['expect', '100-continue'],
  ['authorization', 'Bearer own'],
];

let world: ConformanceWorld;
beforeEach(async () => {
  world = await startConformanceWorld();
});
afterEach(() => world.close());

/** The upstream says all of its answer at once. */
function answerAtOnce(): void {
  world.secure.script = (socket) => {
    socket.on('data', () =>
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${BODY_BYTES}\r\n\r\n${'x'.repeat(BODY_BYTES)}`),
    );
  };
}

test('an agent that closes its side gets its answers, and then the end', async () => {
  world.secure.script = (socket) => {
    socket.on('data', () => void setTimeout(() => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'), 200));
  };
  const agent = await world.frames();
  agent.start(headers(1, agent.get(), END_STREAM));
  await agent.until('SETTINGS ACK');
  agent.end();
  expect((await agent.whole(1)).body.toString()).toBe('ok');
  expect(await agent.broken()).toBe('GOAWAY 1 NO_ERROR');
});

test('an answer that waits for the window of its agent survives a drain', async () => {
  answerAtOnce();
  const agent = await world.frames();
  agent.start(headers(1, agent.get(), END_STREAM));
  await until('the call is recorded', () => world.proxy.client.records.some(({ status }) => status === 200));
  const closed = world.proxy.proxy.close(20_000);
  await agent.until('GOAWAY 1 NO_ERROR');
  expect(agent.answer(1).body.length).toBeLessThan(BODY_BYTES);
  agent.send(windowUpdate(0, BODY_BYTES), windowUpdate(1, BODY_BYTES));
  expect((await agent.whole(1)).body.length).toBe(BODY_BYTES);
  await closed;
});

test('a request whose answer had to wait is stopped once the answer has left', async () => {
  answerAtOnce();
  const agent = await world.frames();
  agent.start(headers(1, agent.request('POST')), data(1, 'some'));
  await until('the call is recorded', () => world.proxy.client.records.some(({ status }) => status === 200));
  agent.send(windowUpdate(0, BODY_BYTES), windowUpdate(1, BODY_BYTES));
  await agent.whole(1);
  await agent.until('RST_STREAM 1 NO_ERROR');
});

test('an answer whose window never opens is given up in time, while other calls go on', async () => {
  await world.close();
  world = await startConformanceWorld({ bodyIdleTimeoutMs: 500 });
  answerAtOnce();
  const agent = await world.frames();
  agent.start(headers(1, agent.get(), END_STREAM));
  await until('the call is recorded', () => world.proxy.client.records.some(({ status }) => status === 200));
  world.secure.script = () => {};
  agent.send(headers(3, agent.get(), END_STREAM));
  await agent.until('RST_STREAM 1 CANCEL');
});

test('a request that is broken once its answer waits is recorded once', async () => {
  answerAtOnce();
  const agent = await world.frames();
  agent.start(headers(1, [...agent.request('POST'), ['content-length', '5']]));
  await until('the call is recorded', () => world.proxy.client.records.some(({ status }) => status === 200));
  agent.send(data(1, 'more than five'));
  await agent.until('RST_STREAM 1 PROTOCOL_ERROR');
  expect(world.proxy.client.records.length).toBe(1);
});

test('trailers hold nothing that belongs into a head (RFC 9110 6.5.1)', async () => {
  let seen = '';
  world.secure.script = (socket) => {
    socket.on('data', (bytes) => {
      seen += bytes.toString('latin1');
      if (seen.endsWith('\r\n\r\n')) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
    });
  };
  const agent = await world.frames();
  const trailers = [...LATE, ['x-sum', '5']] as const;
  agent.start(headers(1, agent.request('POST')), data(1, 'hello'), headers(1, trailers, END_STREAM));
  await agent.whole(1);
  expect(seen.slice(seen.indexOf('hello'))).toBe('hello\r\n0\r\nx-sum: 5\r\n\r\n');
});
