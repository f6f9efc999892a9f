import { expect } from 'vitest';
import { answering, type ConformanceCase, field, forwarded, must, OK, refused, write } from './case.ts';

const POST = 'POST http://{at}/ HTTP/1.1';
const CHUNKED = 'Transfer-Encoding: chunked';

/** RFC 9112: what an agent may write, and how it is understood. */
export const RFC9112_REQUESTS: readonly ConformanceCase[] = [
  refused('RFC 9112 2.2', 'a bare CR in the start line is invalid', { line: 'GET http://{at}/\r HTTP/1.1' }),
  refused('RFC 9112 2.2', 'a bare CR in a field is invalid', { fields: ['X: a\rb'] }),
  refused('RFC 9112 2.2', 'a line that ends in a bare LF is not guessed at', { fields: ['X: a\nY: b'] }),
  refused('RFC 9112 2.2', 'white space before the first field line', { host: ' Host: {at}' }),
  refused('RFC 9112 2.2', 'a tab before the first field line', { host: '\tHost: {at}' }),
  must('RFC 9112 2.2', 'an empty line before the request line is ignored', async (world) => {
    world.http1.script = answering(OK);
    const answer = await (await world.agent()).exchange(`\r\n${write(world)}`, 'GET');
    expect(answer.status).toBe(200);
  }),
  refused('RFC 9112 2.3', 'the version is case-sensitive', { line: 'GET http://{at}/ http/1.1' }),
  refused('RFC 9112 2.3', 'another major version is not taken for 1.1', { line: 'GET http://{at}/ HTTP/2.0' }),
  refused('RFC 9112 2.3', 'a version of two digits is no version', { line: 'GET http://{at}/ HTTP/1.10' }),
  forwarded(
    'RFC 9112 2.3',
    "the proxy sends its own version, not the agent's",
    { line: 'GET http://{at}/ HTTP/1.0' },
    (seen) => expect(seen).toMatch(/^GET \/ HTTP\/1\.1\r\n/),
  ),
  refused('RFC 9112 3', 'two spaces in the request line', { line: 'GET  http://{at}/ HTTP/1.1' }),
  refused('RFC 9112 3', 'a tab in the request line', { line: 'GET\thttp://{at}/ HTTP/1.1' }),
  refused('RFC 9112 3', 'a space inside the target', { line: 'GET http://{at}/a b HTTP/1.1' }),
  refused('RFC 9112 3', 'a request line without a version', { line: 'GET http://{at}/' }),
  refused('RFC 9112 3', 'a space behind the version', { line: 'GET http://{at}/ HTTP/1.1 ' }),
  refused(
    'RFC 9112 3',
    'a target longer than understood is 414',
    { line: `GET http://{at}/${'a'.repeat(9_000)} HTTP/1.1` },
    414,
  ),
  refused('RFC 9112 3.1', 'a method that is no token', { line: 'G(ET http://{at}/ HTTP/1.1' }),
  forwarded('RFC 9112 3.1', 'the method keeps its case', { line: 'prefetch http://{at}/ HTTP/1.1' }, (seen) =>
    expect(seen).toMatch(/^prefetch \//),
  ),
  refused('RFC 9112 3.2', 'HTTP/1.1 without Host', { host: '' }),
  refused('RFC 9112 3.2', 'two Host fields', { fields: ['Host: {at}'] }),
  refused('RFC 9112 3.2', 'two Host fields that differ', { fields: ['Host: other.test'] }),
  ...['a b', 'a,b', 'user@a.test', 'a.test/x', 'a.test:x', 'a.test:99999', '[::1', 'a.test?'].map((value) =>
    refused('RFC 9112 3.2', `the Host value ${JSON.stringify(value)} is invalid`, { host: `Host: ${value}` }),
  ),
  refused('RFC 9112 3.2', 'white space before the colon of Host', { host: 'Host : {at}' }),
  refused('RFC 9112 3.2.1', 'a proxy takes no origin-form', { line: 'GET / HTTP/1.1' }, 400, 'kept'),
  forwarded(
    'RFC 9112 3.2.1',
    'an absolute target becomes origin-form towards the origin',
    { line: 'GET http://{at}/a/b?c=d HTTP/1.1' },
    (seen) => expect(seen).toMatch(/^GET \/a\/b\?c=d HTTP\/1\.1\r\n/),
  ),
  forwarded('RFC 9112 3.2.1', 'an empty path is sent as "/"', { line: 'GET http://{at} HTTP/1.1' }, (seen) =>
    expect(seen).toMatch(/^GET \/ HTTP/),
  ),
  forwarded('RFC 9112 3.2.1', 'an empty path with a query too', { line: 'GET http://{at}?q HTTP/1.1' }, (seen) =>
    expect(seen).toMatch(/^GET \/\?q HTTP/),
  ),
  must('RFC 9112 3.2.2', 'the Host that is sent is made from the target', async (world) => {
    world.http1.script = answering(OK);
    const request = write(world, { host: `Host: PLAIN.test:${world.http1.port}` });
    await (await world.agent()).exchange(request);
    expect(field(world.http1.received, 'host')).toBe(`plain.test:${world.http1.port}`);
  }),
  refused('RFC 9112 3.2.2', 'a Host that differs from the target is never sent', { host: 'Host: other.test' }, 421),
  must('RFC 9112 3.2.2', 'nor is one whose name alone differs', async (world) => {
    const host = `Host: api.test:${world.http1.port}`;
    const answer = await (await world.agent()).exchange(write(world, { host }));
    expect([answer.status, world.http1.received]).toEqual([421, '']);
  }),
  forwarded(
    'RFC 9112 3.2.2',
    'a 1.0 request without Host gets one from its target',
    { line: 'GET http://{at}/ HTTP/1.0', host: '' },
    (seen, _answer, world) => expect(field(seen, 'host')).toBe(`plain.test:${world.http1.port}`),
  ),
  refused('RFC 9112 3.2.3', 'CONNECT without a port', {
    line: 'CONNECT plain.test HTTP/1.1',
    host: 'Host: plain.test',
  }),
  refused('RFC 9112 3.2.3', 'CONNECT with a path', { line: 'CONNECT {at}/ HTTP/1.1' }),
  refused('RFC 9112 3.2.3', 'CONNECT with a scheme', { line: 'CONNECT http://{at} HTTP/1.1' }),
  refused('RFC 9112 3.2.4', 'an asterisk names no destination at a proxy', { line: 'OPTIONS * HTTP/1.1' }, 400, 'kept'),
  refused('RFC 9112 3.2.4', 'an asterisk with another method', { line: 'GET * HTTP/1.1' }),
  refused(
    'RFC 9112 3.2.4',
    'OPTIONS without a path is never sent as OPTIONS of "/"',
    { line: 'OPTIONS http://{at} HTTP/1.1' },
    400,
    'kept',
  ),
  ...['X : a', ': a', 'X', 'X\0: a', '(X): a', 'X\xe9: a'].map((line) =>
    refused('RFC 9112 5', `the field line ${JSON.stringify(line)} is malformed`, { fields: [line] }),
  ),
  refused('RFC 9112 5.1', 'white space between name and colon is 400', { fields: ['Content-Length : 0'] }),
  forwarded('RFC 9112 5.1', 'white space around a value is no part of it', { fields: ['X-A:  \t v \t'] }, (seen) =>
    expect(seen).toMatch(/\r\nX-A: v\r\n/),
  ),
  refused('RFC 9112 5.2', 'a folded field line', { fields: ['X: a', ' b'] }),
  refused('RFC 9112 5.2', 'a field line folded by a tab', { fields: ['X: a', '\tb'] }),
  refused('RFC 9112 6.1', 'Transfer-Encoding in HTTP/1.0 is faulty framing', {
    line: 'POST http://{at}/ HTTP/1.0',
    fields: [CHUNKED],
    body: '0\r\n\r\n',
  }),
  ...[
    'chunked, chunked',
    'chunked, gzip',
    'gzip, chunked',
    'identity',
    'xchunked',
    'chunked;a=b',
    '',
    ',chunked',
    '"chunked"',
  ].map((coding) =>
    refused('RFC 9112 6.1', `the transfer coding ${JSON.stringify(coding)} is not understood`, {
      line: POST,
      fields: [`Transfer-Encoding: ${coding}`],
      body: '0\r\n\r\n',
    }),
  ),
  refused('RFC 9112 6.1', 'chunked in two fields', { line: POST, fields: [CHUNKED, CHUNKED], body: '0\r\n\r\n' }),
  refused('RFC 9112 6.1', 'Content-Length beside Transfer-Encoding', {
    line: POST,
    fields: ['Content-Length: 5', CHUNKED],
    body: '0\r\n\r\n',
  }),
  refused('RFC 9112 6.1', 'Transfer-Encoding beside Content-Length', {
    line: POST,
    fields: [CHUNKED, 'Content-Length: 5'],
    body: '0\r\n\r\n',
  }),
  ...['+5', '-5', '0x5', '5a', '5 5', '5, 6', '', '99999999999999999999', '5.0', '٥'].map((length) =>
    refused('RFC 9112 6.3', `the Content-Length ${JSON.stringify(length)} is invalid`, {
      line: POST,
      fields: [`Content-Length: ${length}`],
      body: 'hello',
    }),
  ),
  refused('RFC 9112 6.3', 'two Content-Length fields that differ', {
    line: POST,
    fields: ['Content-Length: 5', 'Content-Length: 6'],
    body: 'hello!',
  }),
  must('RFC 9112 6.3', 'a request without framing has no body: what follows is the next request', async (world) => {
    world.http1.script = answering(OK);
    const agent = await world.agent();
    agent.send(write(world, { line: POST }) + write(world, { line: 'GET http://{at}/second HTTP/1.1' }));
    expect([(await agent.answer()).status, (await agent.answer()).status]).toEqual([200, 200]);
    expect(world.http1.received).toContain('GET /second');
  }),
  ...chunkFaults(),
  forwarded(
    'RFC 9112 7.1',
    'chunks of any size are understood, digits of either case too',
    { line: POST, fields: [CHUNKED], body: '1\r\na\r\n00A\r\n0123456789\r\nf\r\nfifteen-letters\r\n0\r\n\r\n' },
    (seen) => expect(seen.replaceAll(/\r\n[0-9a-f]+\r\n/g, '')).toContain('a0123456789fifteen-letters'),
  ),
  ...['Host: evil.test', 'Content-Length: 5', 'Transfer-Encoding: chunked', 'Authorization: x'].map((line) =>
    must('RFC 9112 7.1.2', `the trailer field ${JSON.stringify(line)} is not taken`, async (world) => {
      world.http1.script = answering(OK);
      const body = `0\r\n${line}\r\n\r\n`;
      await (await world.agent())
        .exchange(write(world, { line: POST, fields: [CHUNKED], body }), 'POST')
        .catch(() => {});
      expect(world.http1.received).not.toContain('evil');
      expect(world.http1.received).not.toMatch(/0\r\n[A-Z]/);
    }),
  ),
];

/** A body whose framing breaks: whatever of it was forwarded, it never ends as a whole message would. */
function chunkFaults(): ConformanceCase[] {
  const faults: readonly (readonly [rule: string, body: string])[] = [
    ['a chunk size that is no number', 'x\r\nhello\r\n0\r\n\r\n'],
    ['a negative chunk size', '-5\r\nhello\r\n0\r\n\r\n'],
    ['a chunk size with 0x', '0x5\r\nhello\r\n0\r\n\r\n'],
    ['a chunk size beyond every integer', 'fffffffffffffffff\r\nhello'],
    ['an empty chunk size', '\r\nhello\r\n0\r\n\r\n'],
    ['a space before the chunk size', ' 5\r\nhello\r\n0\r\n\r\n'],
    ['a chunk that is longer than its size', '4\r\nhello\r\n0\r\n\r\n'],
    ['a chunk size line that ends in LF alone', '5\nhello\r\n0\r\n\r\n'],
    ['a chunk that ends in LF alone', '5\r\nhello\n0\r\n\r\n'],
    ['a last chunk whose end is LF alone', '5\r\nhello\r\n0\n\n'],
  ];
  return faults.map(([rule, body]) =>
    must('RFC 9112 7.1', `${rule} ends the request`, async (world) => {
      world.http1.script = (socket) => void socket.on('data', () => {});
      const agent = await world.agent();
      const answer = await agent.exchange(write(world, { line: POST, fields: [CHUNKED], body }), 'POST');
      expect(answer.status).toBe(400);
      await agent.closed();
      expect(world.http1.received).not.toContain('0\r\n\r\n');
    }),
  );
}
