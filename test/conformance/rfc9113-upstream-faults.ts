import { expect } from 'vitest';
import { Flag, FrameType } from '../../proxy/protocols/http2/frames.ts';
import {
  data,
  END_STREAM,
  frame,
  headers,
  PING,
  reset,
  settings,
  uint32,
  windowUpdate,
} from '../support/protocols/http2-frames.ts';
import { FrameUpstream } from '../support/upstreams/frame-upstream.ts';
import { type ConformanceCase, must } from './case.ts';
import { type Answer, ask, malformed, OK, ok, POST } from './frame-upstreams.ts';

const { HEADERS } = FrameType;

/** The upstream says this, and then answers: no fault. */
function ignored(section: string, rule: string, said: readonly Buffer[]): ConformanceCase {
  return must(`RFC 9113 ${section}`, rule, async (world) => {
    const reply: Answer = (upstream, stream) => {
      upstream.send(...said);
      ok(upstream, stream, 0);
    };
    expect((await ask(world, reply)).answer.text).toBe('ok');
    const { answer, upstreams } = await ask(world, reply);
    expect([answer.text, upstreams.length]).toEqual(['ok', 0]);
  });
}

/** RFC 9113: an upstream that breaks the rules of its connection. */
export const RFC9113_UPSTREAM_FAULTS: readonly ConformanceCase[] = [
  must('RFC 9113 3.4', "an upstream's first frame has to be SETTINGS", async (world) => {
    let received = Buffer.alloc(0);
    world.http2.script = (socket) => {
      socket.on('data', (bytes: Buffer) => (received = Buffer.concat([received, bytes])));
      socket.write(Buffer.concat([PING, settings()]));
    };
    const at = `plain.test:${world.http2.port}`;
    const answer = await (await world.agent()).exchange(`GET https://${at}/ HTTP/1.1\r\nHost: ${at}\r\n\r\n`);
    expect(answer.status).toBe(502);
  }),
  malformed('6.5.2', 'an upstream that says ENABLE_PUSH', 'GOAWAY 0 PROTOCOL_ERROR', (upstream) =>
    upstream.send(settings([2, 1])),
  ),
  malformed(
    '4.3',
    'a header block of an upstream that cannot be decoded',
    'GOAWAY 0 COMPRESSION_ERROR',
    (upstream, stream) => upstream.send(frame(HEADERS, Flag.END_HEADERS | END_STREAM, stream, Buffer.from([0xfe]))),
  ),
  malformed('6.9', 'WINDOW_UPDATE of 0 for the connection, from an upstream', 'GOAWAY 0 PROTOCOL_ERROR', (upstream) =>
    upstream.send(windowUpdate(0, 0)),
  ),
  malformed('6.7', 'PING of an upstream on a stream', 'GOAWAY 0 PROTOCOL_ERROR', (upstream) =>
    upstream.send(frame(FrameType.PING, 0, 1, '12345678')),
  ),
  malformed('5.1', 'DATA of an upstream on a stream that nobody opened', 'GOAWAY 0 PROTOCOL_ERROR', (upstream) =>
    upstream.send(data(7, 'evil', END_STREAM)),
  ),
  ignored('5.5', 'frames of unknown type from an upstream', [frame(0xfa, 0xff, 0, 'abc'), frame(0xfb, 0xff, 1, 'abc')]),
  ignored('6.5.2', 'settings of an upstream that are not known', [settings([0xfafa, 1])]),
  ignored('6.3', 'PRIORITY from an upstream', [frame(FrameType.PRIORITY, 0, 1, Buffer.alloc(5))]),
  must('RFC 9113 6.9', 'WINDOW_UPDATE and RST_STREAM of an upstream behind an answer', async (world) => {
    const reply: Answer = (upstream, stream) => {
      ok(upstream, stream, 0);
      upstream.send(windowUpdate(stream, 5), reset(stream, 0));
    };
    const first = await ask(world, reply);
    const second = await ask(world, reply);
    expect([first.answer.text, second.answer.text, second.upstreams.length]).toEqual(['ok', 'ok', 0]);
    expect(first.upstreams[0]?.described.filter((one) => /^(?:RST_STREAM|GOAWAY)/.test(one))).toEqual([]);
  }),
  must('RFC 9113 7', 'an error code of an upstream that nobody knows is a failure as any other', async (world) => {
    const { answer } = await ask(world, (upstream, stream) => upstream.send(reset(stream, 0xdead_beef)));
    expect(answer.status).toBe(502);
  }),
  ...([2, 8, 0xd] as const).map((code) =>
    must(
      'RFC 9113 8.7',
      `a request that is not idempotent is not repeated behind a reset of code ${code}`,
      async (world) => {
        const { answer, upstreams } = await ask(world, (upstream, stream) => upstream.send(reset(stream, code)), POST, [
          'Content-Length: 0',
        ]);
        expect(answer.status).toBe(502);
        expect(upstreams.flatMap(({ frames }) => frames).filter(({ type }) => type === HEADERS)).toHaveLength(1);
      },
    ),
  ),
  must('RFC 9113 6.8', 'nor behind a GOAWAY that says it may have been read', async (world) => {
    const { answer, upstreams } = await ask(
      world,
      (upstream, stream) => {
        upstream.send(frame(FrameType.GOAWAY, 0, 0, uint32(stream, 2)));
        upstream.end();
      },
      POST,
      ['Content-Length: 0'],
    );
    expect(answer.status).toBe(502);
    expect(upstreams.flatMap(({ frames }) => frames).filter(({ type }) => type === HEADERS)).toHaveLength(1);
  }),
  ...(
    [
      ['a pseudo-field in trailers of an answer', [[':status', '200']], END_STREAM],
      ['trailers of an answer that do not end it', [['x-sum', '1']], 0],
    ] as const
  ).map(([rule, pairs, flags]) =>
    must('RFC 9113 8.1', rule, async (world) => {
      const asked = ask(world, (upstream, stream) =>
        upstream.send(headers(stream, OK), data(stream, 'half'), headers(stream, pairs, flags)),
      );
      await expect(asked).rejects.toThrow();
    }),
  ),
  must('RFC 9113 4.3.1', 'nothing is sent out of a table that the upstream does not keep', async (world) => {
    let asked = 0;
    world.http2.script = (socket) => {
      const upstream: FrameUpstream = new FrameUpstream(socket, (stream) => ok(upstream, stream, 0));
      upstream.send(settings([1, 0]));
      upstreams.push(upstream);
    };
    const upstreams: FrameUpstream[] = [];
    const at = `plain.test:${world.http2.port}`;
    for (; asked < 3; asked += 1)
      expect(
        (await (await world.agent()).exchange(`GET https://${at}/ HTTP/1.1\r\nHost: ${at}\r\nX-A: b\r\n\r\n`)).text,
      ).toBe('ok');
    const blocks = upstreams[0]?.frames.filter(({ type }) => type === HEADERS).map(({ payload }) => payload) ?? [];
    // RFC 7541 6.3: the size is set to 0; from then on every head is written out.
    expect(blocks.filter((bytes) => bytes[0] === 0x20)).toHaveLength(1);
    const [, second, third] = blocks.map((bytes) => (bytes[0] === 0x20 ? bytes.subarray(1) : bytes));
    expect(third?.toString('latin1')).toBe(second?.toString('latin1'));
  }),
];
