import { expect } from 'vitest';
import { denial } from '../support/worlds/proxy-world.ts';
import { answered, answering, closing, type ConformanceCase, field, forwarded, must, OK, write } from './case.ts';

const HEAD = 'HTTP/1.1 200 OK\r\n';
const POST = 'POST http://{at}/ HTTP/1.1';

/** RFC 9112: what the proxy writes itself, and what is left of a message when its connection goes on. */
export const RFC9112_CONNECTIONS: readonly ConformanceCase[] = [
  answered(
    'RFC 9112 2.3',
    "an answer has the proxy's own version",
    'HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok',
    (_, received) => expect(received).toMatch(/^HTTP\/1\.1 200 OK\r\n/),
  ),
  answered(
    'RFC 9112 4',
    'the space behind the status stays where no reason follows',
    'HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nok',
    (_, received) => expect(received).toMatch(/^HTTP\/1\.1 200 \r\n/),
  ),
  answered(
    'RFC 9112 4',
    'and comes where the upstream left it out',
    'HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok',
    (answer, received) => {
      if (answer.status === 200) expect(received).toMatch(/^HTTP\/1\.1 200 \r\n/);
      else expect(answer.status).toBe(502);
    },
  ),
  forwarded(
    'RFC 9112 2.2',
    'no empty line follows a request',
    { line: POST, fields: ['Content-Length: 2'], body: 'hi' },
    (seen) => expect(seen).toMatch(/\r\n\r\nhi$/),
  ),
  forwarded(
    'RFC 9112 6.2',
    'no Content-Length is sent beside Transfer-Encoding',
    { line: POST, fields: ['Transfer-Encoding: chunked'], body: '2\r\nhi\r\n0\r\nX-Sum: 1\r\n\r\n' },
    (seen) =>
      expect([field(seen, 'content-length') === undefined, field(seen, 'transfer-encoding')]).toEqual([
        true,
        'chunked',
      ]),
  ),
  ...['5, 5', '5,5'].map((value) =>
    must('RFC 9112 6.3', `Content-Length ${JSON.stringify(value)} is refused, or becomes one`, async (world) => {
      world.http1.script = answering(OK);
      const answer = await (await world.agent()).exchange(
        write(world, { line: POST, fields: [`Content-Length: ${value}`], body: 'hello' }),
      );
      if (answer.status === 400) expect(world.http1.received).toBe('');
      else expect(field(world.http1.received, 'content-length')).toBe('5');
    }),
  ),
  forwarded(
    'RFC 9112 7.1',
    'leading zeros of a chunk size are read',
    { line: POST, fields: ['Transfer-Encoding: chunked'], body: '0000000005\r\nhello\r\n0\r\n\r\n' },
    (seen) => expect(seen).toContain('5\r\nhello\r\n0\r\n\r\n'),
  ),
  ...['plain', 'chunked'].map((framing) =>
    must('RFC 9112 9.3', `content of a denied request is read, or the connection closed: ${framing}`, async (world) => {
      world.http1.script = answering(OK);
      const allow = world.proxy.client.decide;
      world.proxy.client.decide = () => denial('rule-denied');
      const agent = await world.agent();
      const inner = write(world, { line: 'GET http://{at}/inner HTTP/1.1' });
      const [field_, body] =
        framing === 'plain'
          ? [`Content-Length: ${inner.length}`, inner]
          : ['Transfer-Encoding: chunked', `${inner.length.toString(16)}\r\n${inner}\r\n0\r\n\r\n`];
      expect((await agent.exchange(write(world, { line: POST, fields: [field_], body }))).status).toBe(403);
      world.proxy.client.decide = allow;
      agent.send(write(world, { line: 'GET http://{at}/next HTTP/1.1' }));
      await Promise.race([agent.closed(), agent.answer()]).catch(() => {});
      expect(world.http1.received).not.toContain('/inner');
    }),
  ),
  must('RFC 9112 9.3', 'an upstream whose answer nobody read to its end is sent no more', async (world) => {
    world.http1.script = (socket) => {
      socket.on('data', (bytes: Buffer) => {
        if (bytes.toString().includes('/long')) socket.write(`${HEAD}Content-Length: 1000\r\n\r\nhalf`);
        else socket.write(OK);
      });
    };
    const first = await world.agent();
    first.send(write(world, { line: 'GET http://{at}/long HTTP/1.1' }));
    await first.until((text) => text.includes('half'));
    first.socket.resetAndDestroy();
    const second = await (await world.agent()).exchange(write(world));
    expect([second.text, world.http1.connections]).toEqual(['ok', 2]);
  }),
  must('RFC 9112 9.6', 'the proxy says close with its last answer', async (world) => {
    const agent = await world.agent();
    agent.send('GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n');
    expect((await agent.answer()).headers.get('connection')).toBe('close');
    await agent.closed();
  }),
  must('RFC 9112 9.3', 'an upstream that speaks HTTP/1.0 is asked on a new connection', async (world) => {
    world.http1.script = closing('HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok');
    const agent = await world.agent();
    await agent.exchange(write(world));
    expect((await agent.exchange(write(world))).text).toBe('ok');
    expect(world.http1.connections).toBe(2);
  }),
];
