import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Spool } from '../../../../policy-client/records/spool.ts';
import {
  FLUSH_MS,
  reporting,
  RETRY_MS,
  sessionNamed,
  SPOOL_AFTER_MS,
} from '../../../support/policy-client/reporting.ts';

let dir: string;
beforeEach(() => {
  dir = join(mkdtempSync(join(tmpdir(), 'sidekey-backlog-')), 'spool');
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
  rmSync(join(dir, '..'), { recursive: true, force: true });
});

const newSpool = () => new Spool(dir, 1e9);

function watched(promise: Promise<void>) {
  let isOver = false;
  void promise.then(() => (isOver = true));
  return {
    finished: async (): Promise<boolean> => {
      await vi.advanceTimersByTimeAsync(0);
      return isOver;
    },
  };
}

describe('records that nobody acknowledges', () => {
  it('go to disk after a while, and those that follow with them', async () => {
    const spool = newSpool();
    const { lines, push, queue } = await reporting({ spool });
    push('/a');
    vi.advanceTimersByTime(SPOOL_AFTER_MS - 1);
    expect(spool.lastSequence).toBe(0);
    vi.advanceTimersByTime(1);
    expect(spool.lastSequence).toBe(1);
    push('/b');
    vi.advanceTimersByTime(SPOOL_AFTER_MS);
    expect([spool.lastSequence, queue.backlog, lines]).toEqual([2, 2, []]);
  });

  it('go to disk from a stream that stands still, and not from one that gets on', async () => {
    const spool = newSpool();
    const { push, reporter, stream } = await reporting({ spool });
    reporter.setSession(sessionNamed('s'));
    push('/1', '/2', '/3', '/4', '/5');
    vi.advanceTimersByTime(FLUSH_MS);
    for (let acked = 1; acked < 5; acked += 1) {
      vi.advanceTimersByTime(SPOOL_AFTER_MS - FLUSH_MS);
      stream().acknowledge(acked);
    }
    expect(spool.lastSequence).toBe(0);
    vi.advanceTimersByTime(2 * SPOOL_AFTER_MS);
    expect([spool.firstSequence, spool.lastSequence]).toEqual([5, 5]);
    stream().acknowledge(5);
    expect([spool.lastSequence, spool.bytes]).toEqual([0, 0]);
  });

  it('come from disk in order, as those before them are acknowledged', async () => {
    const { push, queue, reporter, stream } = await reporting({ spool: newSpool(), maxMemoryBytes: 500 });
    const paths = Array.from({ length: 10 }, (_, index) => `/${index}`);
    push(...paths);
    vi.advanceTimersByTime(SPOOL_AFTER_MS);
    reporter.setSession(sessionNamed('s'));
    for (let time = 0; time < 10 && queue.backlog > 0; time += 1) stream().acknowledge(stream().sent);
    expect(stream().messages.flat()).toEqual(paths);
    expect([stream().messages.length > 1, queue.backlog, queue.lost]).toEqual([true, 0, 0]);
  });

  it('go to disk though others keep coming', async () => {
    const spool = newSpool();
    const { push } = await reporting({ spool });
    for (let sequence = 1; sequence <= 11; sequence += 1) {
      push(`/${sequence}`);
      vi.advanceTimersByTime(SPOOL_AFTER_MS / 10);
    }
    expect(spool.lastSequence).toBeGreaterThan(8);
  });

  it('do not go to disk for the time before them, when there was nothing to deliver', async () => {
    const spool = newSpool();
    const { push, reporter, stream } = await reporting({ spool });
    reporter.setSession(sessionNamed('s'));
    push('/1');
    vi.advanceTimersByTime(FLUSH_MS);
    stream().acknowledge(1);
    vi.advanceTimersByTime(SPOOL_AFTER_MS - 1);
    push('/2');
    vi.advanceTimersByTime(1);
    expect([stream().messages, spool.lastSequence]).toEqual([[['/1'], ['/2']], 0]);
  });

  it('show that this process lives, every ten seconds', async () => {
    const { push } = await reporting({ spool: newSpool() });
    push('/a');
    vi.advanceTimersByTime(SPOOL_AFTER_MS);
    for (const quietMs of [9_000, 8_000]) {
      utimesSync(dir, 0, 0);
      vi.advanceTimersByTime(quietMs);
      expect(statSync(dir).mtimeMs).toBe(0);
      vi.advanceTimersByTime(2_000);
      expect(statSync(dir).mtimeMs).toBeGreaterThan(0);
      expect(statSync(dir).mtimeMs).toBeLessThanOrEqual(Date.now());
    }
  });

  it('are told of once when no disk takes them', async () => {
    const { lines, push } = await reporting();
    push('/a');
    vi.advanceTimersByTime(10 * SPOOL_AFTER_MS);
    const told = 'warn decision records are in memory alone {"records":1,"spool":"there is no spool"}';
    expect(lines).toEqual([told]);
  });

  it.each([
    ['the disk’s words', 1e6, 'EIO: i/o error, write'],
    ['that there is no room', 1, 'the spool is full'],
  ])('are told of with %s', async (_, maxBytes, error) => {
    const write = (): never => {
      throw new Error('EIO: i/o error, write');
    };
    const { lines, push } = await reporting({ spool: new Spool(dir, maxBytes, { write }) });
    push('/a');
    vi.advanceTimersByTime(10 * SPOOL_AFTER_MS);
    expect(lines).toEqual([`warn decision records are in memory alone {"records":1,"spool":"${error}"}`]);
  });

  it('are not told of once they are acknowledged', async () => {
    const { lines, push, reporter, stream } = await reporting();
    reporter.setSession(sessionNamed('s'));
    push('/a');
    vi.advanceTimersByTime(FLUSH_MS);
    stream().acknowledge(1);
    vi.advanceTimersByTime(10 * SPOOL_AFTER_MS);
    expect(lines).toEqual([]);
  });

  it('are told of when they are lost, once each time', async () => {
    const { lines, push, queue, reporter, stream } = await reporting({ maxMemoryBytes: 2_000 });
    const told = () => lines.filter((line) => line.startsWith('error'));
    push(...Array.from({ length: 100 }, () => '/a'));
    vi.advanceTimersByTime(5 * SPOOL_AFTER_MS);
    const { lost } = queue;
    expect(told()).toEqual([`error decision records are being lost {"lost":${lost}}`]);
    reporter.setSession(sessionNamed('s'));
    stream().acknowledge(queue.inFlight);
    // The room that has come is used to tell of them.
    expect([stream().messages.at(-1), queue.unreportedLosses]).toEqual([[`/${lost}`], 0]);
    expect(told()).toHaveLength(1);
  });
});

describe('close', () => {
  it('waits for what can be delivered, and leaves nothing behind', async () => {
    const spool = newSpool();
    const { lines, push, queue, reporter, stream } = await reporting({ spool });
    reporter.setSession(sessionNamed('s'));
    push('/a', '/b');
    const closing = watched(reporter.close(5_000));
    expect(stream().messages).toEqual([['/a', '/b']]);
    stream().acknowledge(1);
    expect(await closing.finished()).toBe(false);
    stream().acknowledge(2);
    expect([await closing.finished(), queue.backlog, stream().isOver, lines]).toEqual([true, 0, true, []]);
    expect([existsSync(dir), vi.getTimerCount()]).toEqual([false, 0]);
  });

  it.each([
    ['in time', true, (giveUp: () => void) => void (vi.advanceTimersByTime(5_000), giveUp)],
    ['before it is given up', true, (giveUp: () => void) => giveUp()],
    ['without a session', false, () => {}],
  ])('puts on disk what nobody takes %s', async (_when, hasSession, end) => {
    const { lines, push, reporter, streams } = await reporting({ spool: newSpool() });
    if (hasSession) reporter.setSession(sessionNamed('s'));
    push('/a', '/b');
    const closing = watched(reporter.close(5_000));
    expect(await closing.finished()).toBe(!hasSession);
    end(() => reporter.giveUp());
    expect(await closing.finished()).toBe(true);
    expect(lines).toEqual(['warn decision records were left undelivered {"records":2,"lost":0}']);
    expect(streams.every(({ isOver }) => isOver)).toBe(true);
    expect([readdirSync(dir).length, statSync(dir).mtimeMs, vi.getTimerCount()]).toEqual([1, 0, 0]);
  });

  it('does not wait at all when told so', async () => {
    const { push, reporter, streams } = await reporting({ spool: newSpool() });
    reporter.setSession(sessionNamed('s'));
    push('/a');
    const closing = watched(reporter.close(0));
    expect([await closing.finished(), streams.length, readdirSync(dir).length]).toEqual([true, 0, 1]);
  });

  it('ends attempts to open a stream again', async () => {
    const { push, reporter, stream, streams } = await reporting({ spool: newSpool() });
    reporter.setSession(sessionNamed('s'));
    push('/a');
    vi.advanceTimersByTime(FLUSH_MS);
    stream().fail(14);
    await reporter.close(0);
    vi.advanceTimersByTime(10 * RETRY_MS);
    expect(streams).toHaveLength(1);
  });

  it('is over at once when there is nothing to deliver', async () => {
    const { reporter, streams } = await reporting();
    reporter.setSession(sessionNamed('s'));
    const closing = watched(reporter.close(5_000));
    expect([await closing.finished(), streams.length]).toEqual([true, 0]);
  });
});
