import { expect } from 'vitest';
import tls from 'node:tls';
import { gzipSync } from 'node:zlib';
import { fieldName } from '../../proxy/protocols/header-list.ts';
import { data, END_STREAM, headers, settings } from '../support/protocols/http2-frames.ts';
import { answered, type ConformanceCase, field, forwarded, must, OK, write } from './case.ts';
import { FrameUpstream } from '../support/upstreams/frame-upstream.ts';
import type { ConformanceWorld } from './world.ts';

const HEAD = 'HTTP/1.1 200 OK\r\n';
const PACKED = gzipSync('as the server packed it').toString('latin1');
const IMF_FIXDATE =
  /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d{2} (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4} [\d:]{8} GMT$/;

/** An answer's field arrives as it was sent. */
function kept(section: string, name: string, value: string): ConformanceCase {
  return answered(
    section,
    `${name} of an answer is not changed`,
    `${HEAD}${name}: ${value}\r\nContent-Length: 0\r\n\r\n`,
    (answer) => expect(answer.headers.getAll(fieldName(name))).toEqual([value]),
  );
}

/** RFC 9110: what a proxy may not touch, where nothing is injected. */
const FIELDS: readonly ConformanceCase[] = [
  kept('RFC 9110 10.2.1', 'Allow', 'GET, UNHEARD-OF'),
  kept('RFC 9110 11.6.1', 'WWW-Authenticate', 'Basic realm="a, b", Negotiate'),
  kept('RFC 9110 11.6.3', 'Authentication-Info', 'nextnonce="x"'),
  kept('RFC 9110 7.7', 'Content-Location', '/a/../b?c'),
  kept('RFC 9110 8.8.3', 'ETag', 'W/"x"'),
  forwarded(
    'RFC 9110 11.6.2',
    'Authorization of the agent is not changed',
    { fields: ['Authorization: Basic eDp5'] },
    (seen) => expect(field(seen, 'authorization')).toBe('Basic eDp5'),
  ),
  answered(
    'RFC 9110 7.7',
    'content that must not be transformed is not',
    `${HEAD}Cache-Control: no-transform\r\nContent-Encoding: gzip\r\nContent-Length: ${PACKED.length}\r\n\r\n${PACKED}`,
    (answer) => {
      expect(answer.headers.get('content-encoding')).toBe('gzip');
      expect(answer.body.toString('latin1')).toBe(PACKED);
    },
    { fields: ['Accept-Encoding: gzip'] },
  ),
  answered('RFC 9110 5.6.7', "the proxy's dates are IMF-fixdates", OK, (answer) =>
    expect(answer.headers.get('date')).toMatch(IMF_FIXDATE),
  ),
];

/** RFC 9112 6.3: a field that speaks of a body where none can be. */
const NO_BODY: readonly ConformanceCase[] = (
  [
    ['HEAD', '200 OK', 'Transfer-Encoding: chunked'],
    ['GET', '304 Not Modified', 'Transfer-Encoding: chunked'],
    ['GET', '304 Not Modified', 'Content-Length: 50'],
  ] as const
).map(([method, status, framing]) =>
  must('RFC 9112 6.3', `${framing} of ${method} with ${status} announces no body`, async (world) => {
    world.http1.script = (socket) => {
      let isFirst = true;
      socket.on('data', () => {
        socket.write(isFirst ? `HTTP/1.1 ${status}\r\n${framing}\r\n\r\n` : OK);
        isFirst = false;
      });
    };
    const agent = await world.agent();
    const answer = await agent.exchange(write(world, { line: `${method} http://{at}/ HTTP/1.1` }));
    expect([answer.status, answer.body.length]).toEqual([Number(status.slice(0, 3)), 0]);
    // The upstream connection is at its next answer, as the agent's is.
    expect((await agent.exchange(write(world))).text).toBe('ok');
    expect(world.http1.connections).toBe(1);
  }),
);

async function getHttp2(world: ConformanceWorld, path: string): Promise<string> {
  const at = `plain.test:${world.http2.port}`;
  const line = `GET https://${at}${path} HTTP/1.1`;
  return (await (await world.agent()).exchange(write(world, { line, host: `Host: ${at}` }))).text;
}

/** RFC 9113: the proxy as a client. */
const CLIENT: readonly ConformanceCase[] = [
  must('RFC 9113 5.1.2', 'no more streams are opened than the upstream takes', async (world) => {
    // Of the first connection alone: on a new one streams may be opened before its SETTINGS have come (6.5.2).
    let most = 0;
    world.http2.script = (socket) => {
      const isFirst = world.http2.connections === 1;
      let open = 0;
      const upstream: FrameUpstream = new FrameUpstream(socket, (stream) => {
        open += 1;
        if (isFirst) most = Math.max(most, open);
        setTimeout(() => {
          open -= 1;
          upstream.send(headers(stream, [[':status', '200']]), data(stream, 'ok', END_STREAM));
        }, 20);
      });
      upstream.send(settings([3, 1]));
    };
    // Once it is known to speak HTTP/2, and its SETTINGS were read.
    expect(await getHttp2(world, '/first')).toBe('ok');
    const texts = await Promise.all(Array.from({ length: 6 }, (_, at) => getHttp2(world, `/${at}`)));
    expect(texts).toEqual(Array.from({ length: 6 }, () => 'ok'));
    expect(most).toBe(1);
  }),
  must(
    'RFC 9113 9.2',
    'the upstream is told the name by SNI, and offered h2 by ALPN over TLS 1.2 or later',
    async (world) => {
      let seen: unknown[] = [];
      world.http2.script = (socket) => {
        if (socket instanceof tls.TLSSocket) {
          const { servername } = socket as { servername?: string };
          seen = [servername, socket.alpnProtocol, socket.getProtocol()];
        }
        const upstream: FrameUpstream = new FrameUpstream(socket, (stream) =>
          upstream.send(headers(stream, [[':status', '200']]), data(stream, 'ok', END_STREAM)),
        );
      };
      expect(await getHttp2(world, '/')).toBe('ok');
      expect(seen).toEqual(['plain.test', 'h2', expect.stringMatching(/^TLSv1\.[23]$/)]);
    },
  ),
];

export const PASS_THROUGH: readonly ConformanceCase[] = [...FIELDS, ...NO_BODY, ...CLIENT];
