import { afterEach, describe, expect, test, vi } from 'vitest';
import { DEFAULT_LIMITS } from '../../../../../proxy/limits.ts';
import { END_STREAM, headers, settings } from '../../../../support/protocols/http2-frames.ts';
import { connectHttp2 } from '../../../../support/upstreams/http2-without-socket.ts';

const MAX_CONCURRENT = 3;
const EXTENDED_CONNECT = 8;

const turn = (): Promise<void> => new Promise((done) => setImmediate(done));

afterEach(() => {
  vi.useRealTimers();
});

describe('settings', () => {
  test('that do not come in time end the connection, and it takes no call before', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const { upstream, told, socket } = connectHttp2({ greeting: Buffer.alloc(0) });
    expect(upstream.usable).toBe(false);
    vi.advanceTimersByTime(DEFAULT_LIMITS.tlsHandshakeTimeoutMs - 1);
    expect(told).toEqual([]);
    vi.advanceTimersByTime(1);
    await expect(upstream.met).rejects.toMatchObject({ reason: 'upstream-timeout' });
    expect([told, socket.destroyed]).toEqual([['closed'], true]);
  });

  test('that came end the wait for them', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const { upstream, told } = connectHttp2();
    await upstream.met;
    expect(vi.getTimerCount()).toBe(0);
    expect([upstream.usable, told]).toEqual([true, []]);
    upstream.destroy();
    expect(vi.getTimerCount()).toBe(0);
  });

  test('of a connection that was lost before they came never come', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const { upstream, socket } = connectHttp2({ greeting: Buffer.alloc(0) });
    socket.emit('close');
    await expect(upstream.met).rejects.toMatchObject({ reason: 'upstream-closed' });
    expect(vi.getTimerCount()).toBe(0);
  });

  test('say how many calls it takes at a time, those that were promised among them', () => {
    const { upstream, ask } = connectHttp2({ greeting: settings([MAX_CONCURRENT, 2]) });
    const promised = upstream.stream();
    expect(upstream.usable).toBe(true);
    ask();
    expect(upstream.usable).toBe(false);
    promised.release(false);
    expect(upstream.usable).toBe(true);
    upstream.destroy();
  });

  test('say whether it takes WebSockets', () => {
    for (const [greeting, expected] of [
      [settings([EXTENDED_CONNECT, 1]), true],
      [settings([EXTENDED_CONNECT, 0]), false],
      [settings(), false],
      [Buffer.alloc(0), false],
    ] as const) {
      const { upstream } = connectHttp2({ greeting });
      expect(upstream.takesWebSockets).toBe(expected);
      upstream.destroy();
    }
  });

  test('of no more calls at all close it once it is idle', async () => {
    const { upstream, told, ask } = connectHttp2();
    const stream = ask();
    upstream.receive(settings([MAX_CONCURRENT, 0]));
    expect([upstream.usable, told]).toEqual([false, []]);
    upstream.receive(headers(1, [[':status', '204']], END_STREAM));
    stream.release(true);
    await turn();
    expect(told).toEqual(['GET 204', 'GET end', 'closed']);
  });
});
