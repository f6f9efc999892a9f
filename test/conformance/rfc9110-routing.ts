import { expect } from 'vitest';
import { secureRaw } from '../support/agents/raw-agent.ts';
import { headers, END_STREAM } from '../support/protocols/http2-frames.ts';
import { denial } from '../support/worlds/proxy-world.ts';
import { answered, answering, type ConformanceCase, field, forwarded, must, OK, refused, write } from './case.ts';

const HEAD = 'HTTP/1.1 200 OK\r\n';
const POST = 'POST http://{at}/ HTTP/1.1';
const PRECONDITIONS = [
  'If-Match: "a"',
  'If-None-Match: "a", W/"b"',
  'If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT',
  'If-Unmodified-Since: Sun, 06 Nov 1994 08:49:37 GMT',
];

/** RFC 9110: what a proxy leaves to others, and what it may not make up. */
export const RFC9110_ROUTING: readonly ConformanceCase[] = [
  refused(
    'RFC 9110 5.4',
    'fields that are more than understood',
    { fields: [`X: ${'a'.repeat(40_000)}`] },
    431,
    'closed',
  ),
  refused(
    'RFC 9110 7.6.2',
    'Max-Forwards that is no number',
    {
      line: 'OPTIONS http://{at}/ HTTP/1.1',
      fields: ['Max-Forwards: 1, 0'],
    },
    400,
    'kept',
  ),
  ...['plain.test', 'api.test'].map((host) =>
    must('RFC 9110 13.2.1', `preconditions are forwarded, and not looked at: ${host}`, async (world) => {
      world.http1.script = answering(OK);
      const at = `${host}:${world.http1.port}`;
      await (await world.agent()).exchange(
        write(world, { line: `GET http://${at}/ HTTP/1.1`, host: `Host: ${at}`, fields: PRECONDITIONS }),
      );
      expect(PRECONDITIONS.filter((line) => !world.http1.received.includes(`\r\n${line}\r\n`))).toEqual([]);
    }),
  ),
  must(
    'RFC 9110 7.8',
    'what opens a WebSocket has Connection: upgrade, towards the upstream and back',
    async (world) => {
      world.http1.script = (socket) => {
        socket.once('data', () =>
          socket.end('HTTP/1.1 426 X\r\nUpgrade: websocket\r\nConnection: upgrade\r\nContent-Length: 0\r\n\r\n'),
        );
      };
      const answer = await (await world.agent()).exchange(
        write(world, {
          fields: [
            'Upgrade: websocket',
            'Connection: keep-alive, Upgrade',
            'Sec-WebSocket-Version: 13',
            'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
          ],
        }),
      );
      expect(answer.status).toBe(426);
      expect(field(world.http1.received, 'connection')?.toLowerCase()).toBe('upgrade');
      expect(field(world.http1.received, 'upgrade')).toBe('websocket');
    },
  ),
  answered(
    'RFC 9110 8.6',
    'no 1xx and no 204 is forwarded with a Content-Length, though it is 0',
    'HTTP/1.1 100 Continue\r\nContent-Length: 0\r\n\r\nHTTP/1.1 204 X\r\nContent-Length: 0\r\n\r\n',
    (answer, received) => {
      expect([answer.informational.length, answer.status]).toEqual([1, 204]);
      expect(received).not.toMatch(/content-length/i);
    },
  ),
  must('RFC 9110 8.6', 'nor in HTTP/2, where clients refuse it', async (world) => {
    world.secure.script = answering(
      'HTTP/1.1 103 Early Hints\r\nContent-Length: 0\r\n\r\nHTTP/1.1 204 X\r\nContent-Length: 0\r\n\r\n',
    );
    const agent = await world.frames();
    agent.start(headers(1, agent.get(), END_STREAM));
    const { heads } = await agent.whole();
    expect(heads.map((head) => [head.get(':status'), head.has('content-length')])).toEqual([
      ['103', false],
      ['204', false],
    ]);
  }),
  must('RFC 9110 10.1.1', 'a call that is denied gets its final status at once, and no 100', async (world) => {
    world.proxy.client.decide = () => denial('rule-denied');
    const agent = await world.agent();
    const answer = await agent.exchange(
      write(world, { line: POST, fields: ['Expect: 100-continue', 'Content-Length: 5'] }),
    );
    expect([answer.status, answer.informational.length, world.http1.received]).toEqual([403, 0, '']);
  }),
  forwarded(
    'RFC 9110 10.1.4',
    'TE is not forwarded without Connection: TE',
    { fields: ['TE: trailers', 'Connection: TE'] },
    (seen) => expect(field(seen, 'te') === undefined || /te/i.test(field(seen, 'connection') ?? '')).toBe(true),
  ),
  must('RFC 9110 10.1.4', 'TE of an HTTP/2 agent neither', async (world) => {
    world.secure.script = answering(OK);
    const agent = await world.frames();
    agent.start(headers(1, agent.get(['te', 'trailers']), END_STREAM));
    await agent.whole();
    const seen = world.secure.received;
    expect(field(seen, 'te') === undefined || /te/i.test(field(seen, 'connection') ?? '')).toBe(true);
  }),
  answered(
    'RFC 9110 6.5.1',
    'trailers are not merged into the head',
    `${HEAD}Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 2\r\nETag: "x"\r\n\r\n`,
    (answer) =>
      expect([answer.text, answer.headers.has('x-sum'), answer.headers.has('etag')]).toEqual(['ok', false, false]),
  ),
  answered(
    'RFC 9110 6.5.1',
    'nor for an agent of HTTP/1.0, which gets none',
    `${HEAD}Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 2\r\n\r\n`,
    (answer, received) => expect([answer.text, /x-sum/i.test(received)]).toEqual(['ok', false]),
    { line: 'GET http://{at}/ HTTP/1.0' },
  ),
  must('RFC 9112 3.2.2', 'an absolute target is taken inside a tunnel too', async (world) => {
    world.secure.script = answering(OK);
    const at = `plain.test:${world.secure.port}`;
    const agent = await world.agent();
    await agent.exchange(`CONNECT ${at} HTTP/1.1\r\nHost: ${at}\r\n\r\n`, 'CONNECT');
    const inside = await secureRaw(agent.socket, { ca: world.proxy.proxy.caPem ?? '', servername: 'plain.test' });
    const answer = await inside.agent.exchange(`GET https://${at}/a HTTP/1.1\r\nHost: ${at}\r\n\r\n`);
    expect([answer.status, /^GET \/a HTTP\/1.1\r\n/.test(world.secure.received)]).toEqual([200, true]);
  }),
];
