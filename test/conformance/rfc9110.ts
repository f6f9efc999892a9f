import { expect } from 'vitest';
import { fieldName } from '../../proxy/protocols/header-list.ts';
import {
  answered,
  answering,
  badGateway,
  type ConformanceCase,
  field,
  forwarded,
  must,
  OK,
  refused,
  write,
} from './case.ts';

const HEAD = 'HTTP/1.1 200 OK\r\n';
const POST = 'POST http://{at}/ HTTP/1.1';

const MESSAGES: readonly ConformanceCase[] = [
  refused('RFC 9110 4.2.1', 'a URI without a host is invalid', { line: 'GET http:///path HTTP/1.1' }),
  refused('RFC 9110 4.2.1', 'a URI with a port alone is invalid', { line: 'GET http://:80/ HTTP/1.1' }),
  refused('RFC 9110 4.2.4', 'user information in a target is an error', { line: 'GET http://user:pw@{at}/ HTTP/1.1' }),
  refused('RFC 9110 4.2', 'a scheme that is not spoken', { line: 'GET ftp://{at}/ HTTP/1.1' }),
  forwarded('RFC 9110 5.1', 'fields that are not known are forwarded', { fields: ['X-Unheard-Of: 1'] }, (seen) =>
    expect(field(seen, 'x-unheard-of')).toBe('1'),
  ),
  answered(
    'RFC 9110 5.1',
    'fields of an answer that are not known too',
    `${HEAD}X-Unheard-Of: 1\r\nContent-Length: 0\r\n\r\n`,
    (answer) => expect(answer.headers.get('x-unheard-of')).toBe('1'),
  ),
  forwarded('RFC 9110 5.3', 'fields of one name keep their order', { fields: ['X-A: 1', 'X-B: 2', 'X-A: 3'] }, (seen) =>
    expect(seen).toMatch(/X-A: 1\r\n(?:.*\r\n)*?X-A: 3/),
  ),
  answered(
    'RFC 9110 5.3',
    'Set-Cookie lines are never joined',
    `${HEAD}Set-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 0\r\n\r\n`,
    (answer) => expect(answer.headers.getAll('set-cookie')).toEqual(['a=1', 'b=2']),
  ),
  ...['\0', '\x01', '\x7f', '\x1f'].map((char) =>
    refused('RFC 9110 5.5', `${JSON.stringify(char)} in a value is invalid`, { fields: [`X: a${char}b`] }),
  ),
  badGateway('RFC 9110 5.5', "NUL in an answer's value is invalid", `${HEAD}X: evil\0\r\nContent-Length: 0\r\n\r\n`),
  forwarded('RFC 9110 5.5', 'bytes beyond ASCII in a value are opaque', { fields: ['X-A: \xe9\xff'] }, (seen) =>
    expect(field(seen, 'x-a')).toBe('\xe9\xff'),
  ),
  forwarded(
    'RFC 9110 5.6.1.2',
    'empty elements of a list are ignored',
    { fields: ['Connection: , X-Gone ,,', 'X-Gone: 1'] },
    (seen) => expect(field(seen, 'x-gone')).toBeUndefined(),
  ),
  ...(['HEAD', 'GET', 'GET'] as const).map((method, at) => {
    const status = [200, 204, 304][at] ?? 200;
    const length = status === 204 ? '' : 'Content-Length: 5\r\n';
    return answered(
      'RFC 9110 6.4.1',
      `the answer to ${method} with ${status} has no content`,
      `HTTP/1.1 ${status} X\r\n${length}\r\n`,
      (answer) => expect([answer.status, answer.body.length]).toEqual([status, 0]),
      { line: `${method} http://{at}/ HTTP/1.1` },
    );
  }),
  answered('RFC 9110 6.6.1', 'an answer without Date is forwarded with one', OK, (answer) =>
    expect(Date.parse(answer.headers.get('date') ?? '')).toBeGreaterThan(Date.now() - 60_000),
  ),
  answered(
    'RFC 9110 6.6.1',
    "the upstream's Date is kept",
    `${HEAD}Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Length: 0\r\n\r\n`,
    (answer) => expect(answer.headers.getAll('date')).toEqual(['Sun, 06 Nov 1994 08:49:37 GMT']),
  ),
  must('RFC 9110 6.6.1', "the proxy's own answers have a Date", async (world) => {
    const answer = await (await world.agent()).exchange(write(world, { line: 'TRACE http://{at}/ HTTP/1.1' }), 'GET');
    expect(Date.parse(answer.headers.get('date') ?? '')).not.toBeNaN();
  }),
  badGateway('RFC 9110 8.6', 'Content-Length in a 204', 'HTTP/1.1 204 No\r\nContent-Length: 4\r\n\r\nevil'),
  answered(
    'RFC 9110 8.6',
    'Content-Length of a HEAD answer is kept',
    `${HEAD}Content-Length: 1234\r\n\r\n`,
    (answer) => expect(answer.headers.get('content-length')).toBe('1234'),
    { line: 'HEAD http://{at}/ HTTP/1.1' },
  ),
  answered(
    'RFC 9110 8.6',
    'Content-Length of a 304 is kept',
    'HTTP/1.1 304 X\r\nContent-Length: 1234\r\n\r\n',
    (answer) => expect(answer.headers.get('content-length')).toBe('1234'),
  ),
  forwarded(
    'RFC 9110 8.6',
    'the Content-Length that is forwarded is that of the content',
    { line: POST, fields: ['Content-Length: 5'], body: 'hello' },
    (seen) => {
      expect(field(seen, 'content-length')).toBe('5');
      expect(seen).toMatch(/\r\n\r\nhello$/);
    },
  ),
];

const ROUTING: readonly ConformanceCase[] = [
  ...['Connection', 'Keep-Alive', 'Proxy-Connection', 'TE', 'Trailer'].map((name) =>
    forwarded('RFC 9110 7.6.1', `${name} ends at the proxy`, { fields: [`${name}: x-nothing`] }, (seen) =>
      expect(field(seen, name)).toBeUndefined(),
    ),
  ),
  forwarded(
    'RFC 9110 7.6.1',
    'a field that Connection names ends at the proxy',
    { fields: ['Connection: X-Hop', 'X-Hop: 1'] },
    (seen) => expect(field(seen, 'x-hop')).toBeUndefined(),
  ),
  forwarded(
    'RFC 9110 7.6.1',
    'in any case, and in the second Connection too',
    { fields: ['Connection: keep-alive', 'CONNECTION: x-HOP', 'x-hop: 1'] },
    (seen) => expect(field(seen, 'x-hop')).toBeUndefined(),
  ),
  answered(
    'RFC 9110 7.6.1',
    'a field that Connection of an answer names ends at the proxy',
    `${HEAD}Connection: X-Hop\r\nX-Hop: 1\r\nContent-Length: 0\r\n\r\n`,
    (answer) => expect([answer.headers.has('x-hop'), answer.headers.has('connection')]).toEqual([false, false]),
  ),
  ...[
    'Keep-Alive: timeout=5',
    'Proxy-Connection: keep-alive',
    'Proxy-Authenticate: Basic',
    'Trailer: X',
    'Upgrade: x',
  ].map((line) =>
    answered(
      'RFC 9110 7.6.1',
      `${JSON.stringify(line)} of an answer ends at the proxy`,
      `${HEAD}${line}\r\nContent-Length: 0\r\n\r\n`,
      (answer) => expect(answer.headers.has(fieldName(line.split(':', 1)[0] ?? ''))).toBe(false),
    ),
  ),
  forwarded(
    'RFC 9110 7.6.1',
    'Connection cannot take framing away',
    { line: POST, fields: ['Connection: content-length, host', 'Content-Length: 5'], body: 'hello' },
    (seen) => expect([field(seen, 'content-length'), field(seen, 'host') === undefined]).toEqual(['5', false]),
  ),
  must('RFC 9110 7.6.2', 'OPTIONS with Max-Forwards 0 is answered here', async (world) => {
    world.http1.script = answering(OK);
    const answer = await (await world.agent()).exchange(
      write(world, { line: 'OPTIONS http://{at}/ HTTP/1.1', fields: ['Max-Forwards: 0'] }),
    );
    expect([answer.status, world.http1.received]).toEqual([200, '']);
  }),
  forwarded(
    'RFC 9110 7.6.2',
    'Max-Forwards of OPTIONS is counted down',
    { line: 'OPTIONS http://{at}/ HTTP/1.1', fields: ['Max-Forwards: 3'] },
    (seen) => expect(field(seen, 'max-forwards')).toBe('2'),
  ),
  forwarded('RFC 9110 7.6.3', 'a request gets Via with the version it came in', {}, (seen) =>
    expect(field(seen, 'via')).toMatch(/^1\.1 sidekey/),
  ),
  forwarded('RFC 9110 7.6.3', 'that of an HTTP/1.0 request is 1.0', { line: 'GET http://{at}/ HTTP/1.0' }, (seen) =>
    expect(field(seen, 'via')).toMatch(/^1\.0 sidekey/),
  ),
  forwarded(
    'RFC 9110 7.6.3',
    'the entries of others come before',
    { fields: ['Via: 1.1 first', 'Via: 1.0 second'] },
    (seen) => expect(seen.match(/\r\nvia: [^\r]*/gi)?.join(',')).toMatch(/1\.1 first,.*1\.0 second,.*1\.1 sidekey/is),
  ),
  answered('RFC 9110 7.6.3', 'an answer gets Via too', OK, (answer) =>
    expect(answer.headers.get('via')).toMatch(/^1\.1 sidekey/),
  ),
  answered(
    'RFC 9110 7.6.3',
    'with the version that the upstream spoke',
    'HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok',
    (answer) => expect(answer.headers.get('via')).toMatch(/^1\.0 sidekey/),
  ),
  must('RFC 9110 7.6.3', 'a message that has been here is a loop', async (world) => {
    world.http1.script = answering(OK);
    const agent = await world.agent();
    const via = (await agent.exchange(write(world))).headers.get('via') ?? '';
    const again = await agent.exchange(write(world, { fields: [`Via: ${via.replace('1.1', '1.0')}`] }));
    expect(again.status).toBe(508);
  }),
  ...['/a%20b', '/%E2%82%AC', '/a:b@c', "/!$&'()*+,=", '/~x', '/a/?', '/?a=%41&b=+&&c', '/?%2F/../x', '/?a=b?c'].map(
    (target) =>
      forwarded(
        'RFC 9110 7.7',
        `the path and query ${target} are not rewritten`,
        { line: `GET http://{at}${target} HTTP/1.1` },
        (seen) => expect(seen.startsWith(`GET ${target} HTTP/1.1\r\n`)).toBe(true),
      ),
  ),
  badGateway(
    'RFC 9110 7.8',
    'an upstream may not switch protocols unasked',
    'HTTP/1.1 101 X\r\nUpgrade: evil\r\nConnection: upgrade\r\n\r\nevil',
  ),
  ...['1.1 h2c 200', '1.1 tls/1.2 403', '1.0 websocket 200'].map((asked) =>
    must('RFC 9110 7.8', `Upgrade is not forwarded: ${asked}`, async (world) => {
      const [version, protocol, status] = asked.split(' ');
      world.http1.script = answering(OK);
      const request = { line: `GET http://{at}/ HTTP/${version}`, fields: [`Upgrade: ${protocol}`] };
      const answer = await (await world.agent()).exchange(write(world, request));
      expect([`${answer.status}`, /upgrade:/i.test(world.http1.received)]).toEqual([status, false]);
    }),
  ),
];

const METHODS_AND_STATUS: readonly ConformanceCase[] = [
  refused('RFC 9110 9.3.6', 'CONNECT with content', {
    line: 'CONNECT {at} HTTP/1.1',
    fields: ['Content-Length: 5'],
    body: 'hello',
  }),
  must('RFC 9110 9.3.6', 'a 2xx to CONNECT has neither length nor coding', async (world) => {
    const agent = await world.agent();
    const answer = await agent.exchange(write(world, { line: 'CONNECT {at} HTTP/1.1' }), 'CONNECT');
    expect([answer.status, answer.headers.has('content-length'), answer.headers.has('transfer-encoding')]).toEqual([
      200,
      false,
      false,
    ]);
  }),
  refused('RFC 9110 9.3.8', 'TRACE with content', {
    line: 'TRACE http://{at}/ HTTP/1.1',
    fields: ['Content-Length: 5'],
    body: 'hello',
  }),
  refused(
    'RFC 9110 10.1.1',
    'an expectation that is not understood is 417',
    { fields: ['Expect: the-unexpected'] },
    417,
    'closed',
  ),
  must('RFC 9110 10.1.1', 'a 100-continue is forwarded, and so is the 100 that answers it', async (world) => {
    world.http1.script = (socket) => {
      socket.once('data', () => {
        socket.write('HTTP/1.1 100 Continue\r\n\r\n');
        socket.once('data', () => socket.write(OK));
      });
    };
    const agent = await world.agent();
    agent.send(write(world, { line: POST, fields: ['Expect: 100-continue', 'Content-Length: 5'] }));
    await agent.until((text) => text.includes('100 Continue'));
    agent.send('hello');
    expect((await agent.answer('POST')).status).toBe(200);
    expect(field(world.http1.received, 'expect')).toBe('100-continue');
  }),
  must('RFC 9110 10.1.1', 'an expectation in HTTP/1.0 is ignored', async (world) => {
    world.http1.script = answering(OK);
    const request = {
      line: 'POST http://{at}/ HTTP/1.0',
      fields: ['Expect: 100-continue', 'Content-Length: 5'],
      body: 'hello',
    };
    const answer = await (await world.agent()).exchange(write(world, request));
    expect([answer.status, answer.informational.length]).toEqual([200, 0]);
  }),
  answered(
    'RFC 9110 15',
    'a status that is not known keeps its number',
    'HTTP/1.1 299 Odd\r\nContent-Length: 0\r\n\r\n',
    (answer) => expect(answer.status).toBe(299),
  ),
  answered(
    'RFC 9110 15.2',
    '100 is forwarded, once or more; against the rule, no other 1xx where one connection is for all hosts',
    `HTTP/1.1 100 C\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 C\r\n\r\n${OK}`,
    (answer) => expect(answer.informational.map(({ status }) => status)).toEqual([100, 100]),
  ),
  answered(
    'RFC 9110 15.2',
    'no 1xx goes to an HTTP/1.0 agent',
    `HTTP/1.1 103 Early Hints\r\n\r\n${OK}`,
    (answer) => expect([answer.status, answer.informational.length]).toEqual([200, 0]),
    { line: 'GET http://{at}/ HTTP/1.0' },
  ),
  must('RFC 9110 15.5.6', 'a 405 says what is allowed', async (world) => {
    const answer = await (await world.agent()).exchange(write(world, { line: 'TRACE http://{at}/ HTTP/1.1' }), 'GET');
    expect([answer.status, answer.headers.get('allow')?.includes('GET')]).toEqual([405, true]);
  }),
  forwarded(
    'RFC 9110 11.7.2',
    'Proxy-Authorization is for this proxy alone',
    { fields: ['Proxy-Authorization: Basic eDp5'] },
    (seen) => expect(field(seen, 'proxy-authorization')).toBeUndefined(),
  ),
  forwarded('RFC 9110 14.2', 'Range passes where nothing is injected', { fields: ['Range: bytes=0-1'] }, (seen) =>
    expect(field(seen, 'range')).toBe('bytes=0-1'),
  ),
];

export const RFC9110: readonly ConformanceCase[] = [...MESSAGES, ...ROUTING, ...METHODS_AND_STATUS];
