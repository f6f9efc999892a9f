import { expect } from 'vitest';
import { answered, answering, badGateway, closing, type ConformanceCase, forwarded, must, OK, write } from './case.ts';

const OK_HEAD = 'HTTP/1.1 200 OK\r\n';
const CHUNKED = `${OK_HEAD}Transfer-Encoding: chunked\r\n\r\n`;

/** RFC 9112: what an upstream may answer, and how it reaches the agent. */
const ANSWERS: readonly ConformanceCase[] = [
  ...[
    'HTTP/2.0 200 OK',
    'http/1.1 200 OK',
    'HTTP/1.1  200 OK',
    'HTTP/1.1 20 OK',
    'HTTP/1.1 2000 OK',
    'HTTP/1.1 abc OK',
    'HTTP/1.1 099 OK',
    'HTTP/1.1 600 OK',
    'ICY 200 OK',
  ].map((line) =>
    badGateway('RFC 9112 4', `the status line ${JSON.stringify(line)} is malformed`, `${line}\r\nX: evil\r\n\r\n`),
  ),
  answered(
    'RFC 9112 4',
    'an empty reason phrase is no fault',
    'HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nok',
    (answer) => expect([answer.status, answer.text]).toEqual([200, 'ok']),
  ),
  badGateway(
    'RFC 9112 2.2',
    'a bare CR in an answer is invalid',
    `${OK_HEAD}X: a\revil: b\r\nContent-Length: 0\r\n\r\n`,
  ),
  badGateway(
    'RFC 9112 2.2',
    'a bare LF in an answer is invalid',
    `${OK_HEAD}X: a\nevil: b\r\nContent-Length: 0\r\n\r\n`,
  ),
  badGateway('RFC 9112 5.1', 'white space before the colon is never forwarded', `${OK_HEAD}Evil : evil\r\n\r\n`),
  badGateway('RFC 9112 5.2', 'a folded line in an answer is never forwarded', `${OK_HEAD}X: a\r\n evil\r\n\r\n`),
  badGateway('RFC 9112 6.1', 'Transfer-Encoding in a 204', 'HTTP/1.1 204 No\r\nTransfer-Encoding: chunked\r\n\r\n'),
  badGateway(
    'RFC 9112 6.1',
    'Transfer-Encoding in an HTTP/1.0 answer',
    'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  ),
  badGateway(
    'RFC 9112 6.1',
    'a coding that is not understood',
    `${OK_HEAD}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`,
  ),
  badGateway(
    'RFC 9112 6.3',
    'Content-Length beside Transfer-Encoding',
    `${OK_HEAD}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\nevil`,
  ),
  badGateway(
    'RFC 9112 6.3',
    'an answer of two Content-Length fields that differ',
    `${OK_HEAD}Content-Length: 4\r\nContent-Length: 5\r\n\r\nevil`,
  ),
  ...['-1', '+4', '4, 5', 'four', ''].map((length) =>
    badGateway(
      'RFC 9112 6.3',
      `an answer of Content-Length ${JSON.stringify(length)}`,
      `${OK_HEAD}Content-Length: ${length}\r\n\r\nevil`,
    ),
  ),
  answered(
    'RFC 9112 6.3',
    'an answer without framing ends with its connection',
    closing(`${OK_HEAD}\r\nto the end`),
    (answer) => expect(answer.text).toBe('to the end'),
  ),
  answered(
    'RFC 9112 6.1',
    'chunked is never sent to HTTP/1.0',
    `${CHUNKED}2\r\nok\r\n0\r\n\r\n`,
    (_answer, received) => {
      expect(received).not.toMatch(/transfer-encoding/i);
      expect(received).toMatch(/\r\n\r\nok$/);
    },
    { line: 'GET http://{at}/ HTTP/1.0' },
  ),
  answered(
    'RFC 9112 7.1.1',
    'chunk extensions that are not known are ignored',
    `${CHUNKED}2;a="b";c\r\nok\r\n0;d\r\n\r\n`,
    (answer, received) => {
      expect(answer.text).toBe('ok');
      expect(received).not.toContain(';a=');
    },
  ),
  answered('RFC 9112 7.1.2', 'trailers pass as trailers', `${CHUNKED}2\r\nok\r\n0\r\nX-Sum: 2\r\n\r\n`, (answer) => {
    expect(answer.trailers?.get('x-sum')).toBe('2');
    expect(answer.headers.has('x-sum')).toBe(false);
  }),
  ...truncated(),
];

/** RFC 9112 8: an answer that breaks off must not look whole. */
function truncated(): ConformanceCase[] {
  const cuts: readonly (readonly [rule: string, answer: string])[] = [
    ['Content-Length was not reached', `${OK_HEAD}Content-Length: 10\r\n\r\nhalf`],
    ['the last chunk is missing', `${CHUNKED}4\r\nhalf\r\n`],
    ['a chunk breaks off', `${CHUNKED}9\r\nhalf`],
    ['the trailers break off', `${CHUNKED}4\r\nhalf\r\n0\r\nX: y\r\n`],
    ['a chunk has no size', `${CHUNKED}4\r\nhalf\r\nevil\r\n0\r\n\r\n`],
  ];
  return cuts.map(([rule, answer]) =>
    must('RFC 9112 8', `an answer is incomplete when ${rule}`, async (world) => {
      world.http1.script = closing(answer);
      const agent = await world.agent();
      await expect(agent.exchange(write(world))).rejects.toThrow();
      const received = agent.received.toString('latin1');
      expect(received).not.toMatch(/0\r\n(?:X: y\r\n)?\r\n$/);
      expect(received).not.toContain('evil');
    }),
  );
}

/** RFC 9112 9: connections on both sides. */
const CONNECTIONS: readonly ConformanceCase[] = [
  must('RFC 9112 9.2', 'bytes behind an answer are given to no request', async (world) => {
    world.http1.script = answering(`${OK}${OK_HEAD}Content-Length: 4\r\n\r\nevil`);
    const agent = await world.agent();
    await agent.exchange(write(world));
    const second = await agent.exchange(write(world));
    expect(second.text).toBe('ok');
  }),
  must('RFC 9112 9.3', 'an HTTP/1.1 connection persists', async (world) => {
    world.http1.script = answering(OK);
    const agent = await world.agent();
    for (let call = 0; call < 3; call += 1) expect((await agent.exchange(write(world))).status).toBe(200);
    expect(world.http1.connections).toBe(1);
  }),
  must('RFC 9112 9.3', 'no connection persists with an HTTP/1.0 agent', async (world) => {
    world.http1.script = answering(OK);
    const agent = await world.agent();
    await agent.exchange(write(world, { line: 'GET http://{at}/ HTTP/1.0', fields: ['Connection: keep-alive'] }));
    await agent.closed();
  }),
  must('RFC 9112 9.3.1', 'a request that is not idempotent is never sent twice', async (world) => {
    let calls = 0;
    world.http1.script = (socket) => {
      socket.on('data', () => {
        calls += 1;
        if (calls === 1) socket.write(OK);
        else socket.destroy();
      });
    };
    const agent = await world.agent();
    await agent.exchange(write(world));
    const second = await agent.exchange(
      write(world, { line: 'POST http://{at}/ HTTP/1.1', fields: ['Content-Length: 0'] }),
    );
    expect(second.status).toBe(502);
    expect(calls).toBe(2);
  }),
  must('RFC 9112 9.3.2', 'pipelined requests are answered in their order', async (world) => {
    world.http1.script = (socket) => {
      socket.on('data', (bytes: Buffer) => {
        const path = /\/(\w+) HTTP/.exec(bytes.toString())?.[1] ?? '';
        setTimeout(
          () => socket.write(`${OK_HEAD}Content-Length: ${path.length}\r\n\r\n${path}`),
          path === 'slow' ? 50 : 0,
        );
      });
    };
    const agent = await world.agent();
    for (const path of ['slow', 'fast']) agent.send(write(world, { line: `GET http://{at}/${path} HTTP/1.1` }));
    expect([(await agent.answer()).text, (await agent.answer()).text]).toEqual(['slow', 'fast']);
  }),
  must('RFC 9112 9.6', 'what follows a request with "close" is not served', async (world) => {
    world.http1.script = answering(OK);
    const agent = await world.agent();
    agent.send(
      write(world, { fields: ['Connection: close'] }) + write(world, { line: 'GET http://{at}/second HTTP/1.1' }),
    );
    expect((await agent.answer()).headers.get('connection')).toBe('close');
    await agent.closed();
    expect(world.http1.received).not.toContain('/second');
  }),
  must('RFC 9112 9.6', 'an upstream that said "close" is sent no more', async (world) => {
    world.http1.script = answering(`${OK_HEAD}Connection: close\r\nContent-Length: 2\r\n\r\nok`);
    const agent = await world.agent();
    await agent.exchange(write(world));
    await agent.exchange(write(world));
    expect(world.http1.connections).toBe(2);
  }),
  must('RFC 9112 9.6', 'the upstream\'s "close" is not the agent\'s', async (world) => {
    world.http1.script = answering(`${OK_HEAD}Connection: close\r\nContent-Length: 2\r\n\r\nok`);
    const agent = await world.agent();
    expect((await agent.exchange(write(world))).headers.has('connection')).toBe(false);
    expect((await agent.exchange(write(world))).status).toBe(200);
  }),
  forwarded(
    'RFC 9112 9.6',
    '"close" of the agent closes no upstream connection',
    { fields: ['Connection: close'] },
    (seen) => expect(seen).not.toMatch(/\r\nconnection:/i),
  ),
  must('RFC 9112 8', 'a request that breaks off is never sent as a whole one', async (world) => {
    world.http1.script = (socket) => void socket.on('data', () => {});
    const agent = await world.agent();
    agent.send(
      write(world, { line: 'POST http://{at}/ HTTP/1.1', fields: ['Transfer-Encoding: chunked'], body: '5\r\nhel' }),
    );
    agent.socket.end();
    await agent.closed();
    expect(world.http1.received).not.toContain('0\r\n\r\n');
  }),
];

export const RFC9112_RESPONSES: readonly ConformanceCase[] = [...ANSWERS, ...CONNECTIONS];
