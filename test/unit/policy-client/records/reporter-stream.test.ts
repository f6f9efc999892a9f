import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { STATUS } from '../../../../policy-client/connection.ts';
import { FLUSH_MS, reporting, RETRY_MS, sessionNamed } from '../../../support/policy-client/reporting.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const ACK_TIMEOUT_MS = 15_000;
const session = sessionNamed('s');

async function connected() {
  const world = await reporting();
  world.reporter.setSession(session);
  return world;
}

const paths = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => `/${from + index}`);

describe('records on their way', () => {
  it('leave together a moment after the first of them, and are gone once acknowledged', async () => {
    const { push, queue, stream, streams } = await connected();
    expect(streams).toHaveLength(0);
    push('/a', '/b');
    vi.advanceTimersByTime(FLUSH_MS - 1);
    expect(streams).toHaveLength(0);
    vi.advanceTimersByTime(1);
    expect(stream().messages).toEqual([['/a', '/b']]);
    stream().acknowledge(2);
    expect([queue.backlog, queue.delivered]).toEqual([0, 2]);
    push('/c');
    vi.advanceTimersByTime(FLUSH_MS);
    expect([streams.length, stream().messages]).toEqual([1, [['/a', '/b'], ['/c']]]);
  });

  it('leave at once when a session comes, and none leaves without one', async () => {
    const { push, reporter, stream, streams } = await reporting();
    push('/a');
    vi.advanceTimersByTime(60_000);
    expect(streams).toHaveLength(0);
    reporter.setSession(session);
    expect(stream().messages).toEqual([['/a']]);
  });

  it('are 2048 at most, in whole batches, until some are acknowledged', async () => {
    const { push, queue, stream } = await connected();
    push(...paths(0, 5_000));
    vi.advanceTimersByTime(FLUSH_MS);
    expect([stream().sent, queue.inFlight]).toEqual([2_048, 2_048]);
    stream().acknowledge(256);
    expect(stream().sent).toBe(2_304);
    vi.advanceTimersByTime(10_000);
    expect(stream().sent).toBe(2_304);
  });

  it('wait while the stream takes no more, and go on when it does', async () => {
    const { letStreamsTakeMore, push, stream } = await connected();
    letStreamsTakeMore(false);
    push(...paths(0, 600));
    vi.advanceTimersByTime(FLUSH_MS);
    expect(stream().messages.map(({ length }) => length)).toEqual([256]);
    push('/later');
    vi.advanceTimersByTime(5_000);
    expect(stream().sent).toBe(256);
    stream().takesMore = true;
    stream().emit('drain');
    expect(stream().messages.map(({ length }) => length)).toEqual([256, 256, 88, 1]);
  });

  it('do not wait for room on a stream that is gone', async () => {
    const { letStreamsTakeMore, push, stream } = await connected();
    letStreamsTakeMore(false);
    push(...paths(0, 600));
    vi.advanceTimersByTime(FLUSH_MS);
    expect(stream().sent).toBe(256);
    letStreamsTakeMore(true);
    stream().fail(14);
    vi.advanceTimersByTime(RETRY_MS);
    expect(stream().sent).toBe(600);
  });

  it('go again on a new stream after a pause when theirs fails, and what its end still says counts no more', async () => {
    const { push, queue, stream, streams } = await connected();
    push('/a', '/b');
    vi.advanceTimersByTime(FLUSH_MS);
    const first = stream();
    first.fail(14);
    expect([first.isOver, queue.inFlight]).toEqual([true, 0]);
    vi.advanceTimersByTime(RETRY_MS - 1);
    expect(streams).toHaveLength(1);
    vi.advanceTimersByTime(1);
    expect(stream().messages).toEqual([['/a', '/b']]);
    first.acknowledge(2);
    first.fail(14);
    expect([streams.length, queue.backlog, stream().isOver]).toEqual([2, 2, false]);
    // Nor is it the other's room that it has.
    stream().takesMore = false;
    push('/c');
    vi.advanceTimersByTime(FLUSH_MS);
    push('/d');
    first.emit('drain');
    vi.advanceTimersByTime(FLUSH_MS);
    expect(stream().messages).toEqual([['/a', '/b'], ['/c']]);
  });

  it.each([
    ['it ends', (end: () => void) => end()],
    ['no acknowledgement comes', () => vi.advanceTimersByTime(ACK_TIMEOUT_MS + 1_000)],
  ])('go again when %s', async (_what, break_) => {
    const { lines, push, stream, streams } = await connected();
    push('/a');
    vi.advanceTimersByTime(FLUSH_MS);
    const first = stream();
    break_(() => first.emit('end'));
    vi.advanceTimersByTime(RETRY_MS);
    expect([first.isOver, streams.length, stream().messages]).toEqual([true, 2, [['/a']]]);
    expect(lines.at(-1)).toBe('warn the decision stream ended {"reason":"control-plane-unavailable"}');
  });

  it('stay on a stream that acknowledges some of them now and then', async () => {
    const { push, stream, streams } = await connected();
    push(...paths(0, 10));
    vi.advanceTimersByTime(FLUSH_MS);
    for (let acked = 1; acked < 10; acked += 1) {
      vi.advanceTimersByTime(ACK_TIMEOUT_MS - 1_000);
      stream().acknowledge(acked);
    }
    expect(streams).toHaveLength(1);
    // A stream that had nothing to do owes nothing.
    stream().acknowledge(10);
    vi.advanceTimersByTime(100_000);
    push('/late');
    vi.advanceTimersByTime(ACK_TIMEOUT_MS - 1_000);
    expect(streams).toHaveLength(1);
  });

  it('go out under the next session when theirs is refused, and the refusal is told', async () => {
    const { push, refused, reporter, stream, streams } = await connected();
    push('/a');
    vi.advanceTimersByTime(FLUSH_MS);
    stream().fail(STATUS.unauthenticated);
    expect(refused).toEqual(['s session-invalid']);
    reporter.setSession(undefined);
    vi.advanceTimersByTime(60_000);
    expect(streams).toHaveLength(1);
    reporter.setSession(sessionNamed('next'));
    expect([streams.length, stream().messages]).toEqual([2, [['/a']]]);
    stream().fail(14);
    expect(refused).toHaveLength(1);
    // It does not wait for what the one before had to wait for.
    reporter.setSession(sessionNamed('third'));
    expect([streams.length, stream().messages]).toEqual([3, [['/a']]]);
  });

  it('keep their stream while the session stays', async () => {
    const { push, reporter, stream, streams } = await connected();
    push('/a');
    vi.advanceTimersByTime(FLUSH_MS);
    reporter.setSession(session);
    expect([streams.length, stream().isOver]).toEqual([1, false]);
    reporter.setSession(undefined);
    expect(stream().isOver).toBe(true);
  });

  it('that are refused are counted, told once and offered again', async () => {
    const { lines, push, reporter, stream } = await connected();
    push('/a');
    vi.advanceTimersByTime(FLUSH_MS);
    for (let time = 1; time <= 3; time += 1) {
      stream().fail(STATUS.failedPrecondition);
      expect(reporter.refusals).toBe(time);
      vi.advanceTimersByTime(RETRY_MS);
      expect(stream().messages).toEqual([['/a']]);
    }
    const refusal =
      'error the control plane refuses the decision records {"records":1,"reason":"control-plane-unavailable"}';
    expect(lines).toEqual([refusal]);
    // Once some were taken, the next refusal is news again.
    stream().acknowledge(1);
    push('/b');
    vi.advanceTimersByTime(FLUSH_MS);
    stream().fail(STATUS.failedPrecondition);
    expect(lines).toEqual([refusal, refusal]);
  });
});

describe('a stream behind one on which something was acknowledged', () => {
  async function broken() {
    const world = await connected();
    world.push('/1', '/2', '/3');
    vi.advanceTimersByTime(FLUSH_MS);
    world.stream().acknowledge(3);
    world.stream().fail(14);
    vi.advanceTimersByTime(RETRY_MS);
    return world;
  }

  it('asks first, once, whether that is still stored, also when there is nothing to send', async () => {
    const { lines, push, stream, streams } = await broken();
    expect([streams.length, stream().messages]).toEqual([2, [[]]]);
    stream().holds(3);
    streams[0]?.holds(0);
    push('/4');
    vi.advanceTimersByTime(FLUSH_MS + RETRY_MS);
    expect([streams.length, stream().messages, stream().gaps]).toEqual([2, [[], ['/4']], [undefined, undefined]]);
    expect(lines.map((line) => line.slice(0, 20))).toEqual(['warn the decision st']);
    // The answer has shown that all was well: the next failure is news.
    stream().fail(14);
    expect(lines).toHaveLength(2);
  });

  it('sends no more behind the question than there is room for', async () => {
    const { letStreamsTakeMore, push, stream } = await connected();
    push('/1');
    vi.advanceTimersByTime(FLUSH_MS);
    stream().acknowledge(1);
    letStreamsTakeMore(false);
    push('/2');
    stream().fail(14);
    vi.advanceTimersByTime(RETRY_MS + FLUSH_MS);
    expect(stream().messages).toEqual([[]]);
    stream().emit('drain');
    expect(stream().messages).toEqual([[], ['/2']]);
  });

  it('tells of a refusal once, though the control plane says each time that it has all it had', async () => {
    const { lines, push, stream } = await connected();
    push('/1');
    vi.advanceTimersByTime(FLUSH_MS);
    stream().acknowledge(1);
    push('/2');
    vi.advanceTimersByTime(FLUSH_MS);
    for (let time = 0; time < 3; time += 1) {
      stream().holds(1);
      stream().fail(STATUS.failedPrecondition);
      vi.advanceTimersByTime(RETRY_MS);
    }
    expect(lines).toHaveLength(1);
  });

  it('sends what was lost once more', async () => {
    const { lines, push, queue, reporter, stream, streams } = await broken();
    push('/4');
    vi.advanceTimersByTime(FLUSH_MS);
    stream().holds(1);
    expect([stream().isOver, queue.acked]).toEqual([true, 1]);
    expect(lines.at(-1)).toBe('error the control plane has lost decision records {"missing":0}');
    vi.advanceTimersByTime(RETRY_MS);
    expect(streams).toHaveLength(3);
    expect(stream().messages.flat()).toEqual(['/2', '/3', '/4']);
    expect(new Set(stream().gaps)).toEqual(new Set([undefined]));
    stream().acknowledge(4);
    expect([queue.backlog, reporter.gaps]).toEqual([0, 0]);
  });
});

it('names a gap for what is gone for good with every message, until the control plane has taken one', async () => {
  const { push, queue, reporter, stream } = await connected();
  const long = 'x'.repeat(400_000);
  for (let sequence = 1; sequence <= 6; sequence += 1) {
    push(`/${sequence}${long}`);
    vi.advanceTimersByTime(FLUSH_MS);
    stream().acknowledge(sequence);
  }
  stream().holds(2);
  vi.advanceTimersByTime(RETRY_MS);
  expect(stream().messages.map(([path]) => path?.slice(0, 2))).toEqual(['/5', '/6']);
  expect(stream().gaps).toEqual([2, 2]);
  stream().fail(14);
  vi.advanceTimersByTime(RETRY_MS);
  expect(stream().gaps).toEqual([2, 2]);
  stream().acknowledge(5);
  stream().acknowledge(6);
  push('/7');
  vi.advanceTimersByTime(FLUSH_MS);
  expect([stream().gaps, reporter.gaps, queue.backlog]).toEqual([[2, 2, undefined], 1, 1]);
});
