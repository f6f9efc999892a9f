import { setTimeout } from 'node:timers/promises';
import { expect, test, vi } from 'vitest';
import { turnClock, turnMonotonicMs, TurnWork } from '../../../../proxy/io/turn.ts';
import { turnEnd } from '../../../support/turn-end.ts';

test('everything is read before anything is written, in the order asked for, once', async () => {
  const done: string[] = [];
  const writer = (name: string): TurnWork => new TurnWork('write', () => done.push(`write ${name}`));
  const reader = (name: string): TurnWork =>
    new TurnWork('read', () => {
      done.push(`read ${name}`);
      writer(name).ask();
    });
  const [early, a, b] = [writer('early'), reader('a'), reader('b')];
  for (const work of [early, a, b, a, early]) work.ask();
  expect(done).toEqual([]);
  await turnEnd();
  expect(done).toEqual(['read a', 'read b', 'write early', 'write a', 'write b']);
  await turnEnd();
  expect(done).toHaveLength(5);
});

test('what was done without waiting is not done again', async () => {
  let done = 0;
  const work = new TurnWork('read', () => {
    done += 1;
  });
  work.doNow();
  expect(done).toBe(0);
  work.ask();
  work.doNow();
  work.doNow();
  expect(done).toBe(1);
  await turnEnd();
  expect(done).toBe(1);
});

test.each(['read', 'write'] as const)(
  '%s: what asks again at the end of a turn has the end of the next',
  async (kind) => {
    let done = 0;
    const again: TurnWork = new TurnWork(kind, () => {
      done += 1;
      if (done < 3) again.ask();
    });
    again.ask();
    for (let turn = 0; turn < 4; turn += 1) await turnEnd();
    expect(done).toBe(3);
  },
);

test('of what was read a turn does so much, and goes on where it stopped', async () => {
  const done: string[] = [];
  const one: TurnWork = new TurnWork('read', () => {
    done.push('again');
    one.ask();
  });
  const written = new TurnWork('write', () => done.push('write'));
  one.ask();
  for (let at = 0; at < 40; at += 1) new TurnWork('read', () => done.push('read')).ask();
  written.ask();
  await turnEnd();
  expect(done.lastIndexOf('write')).toBe(32);
  // Who asks again stands behind those who wait.
  expect(done.slice(0, 2)).toEqual(['again', 'read']);
  await turnEnd();
  expect(done.filter((what) => what === 'read')).toHaveLength(40);
  expect(done.indexOf('again', 1)).toBe(42);
  one.ask = () => {};
});

test('who asks again and again takes no more of a turn than who asks once, and all that is to be written is', async () => {
  const done: string[] = [];
  const [eager, other] = ['eager', 'other'].map((name) => new TurnWork('read', () => done.push(name)));
  for (let time = 0; time < 40; time += 1) eager?.ask();
  other?.ask();
  for (let at = 0; at < 40; at += 1) new TurnWork('write', () => done.push('write')).ask();
  await turnEnd();
  expect(done.slice(0, 3)).toEqual(['eager', 'other', 'write']);
  expect(done).toHaveLength(42);
});

test("what fails keeps no other connection's work from being done, in this turn or the next", async () => {
  const done: string[] = [];
  const told: unknown[] = [];
  const others = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException');
  process.on('uncaughtException', (error) => told.push(error));
  try {
    for (const kind of ['read', 'write'] as const) {
      new TurnWork(kind, () => {
        throw new Error(`a fault in ${kind}`);
      }).ask();
      new TurnWork(kind, () => done.push(kind)).ask();
    }
    await turnEnd();
    new TurnWork('read', () => done.push('next turn')).ask();
    await turnEnd();
  } finally {
    process.removeAllListeners('uncaughtException');
    for (const other of others) process.on('uncaughtException', other);
  }
  expect(done).toEqual(['read', 'write', 'next turn']);
  expect(told.map(String)).toEqual(['Error: a fault in read', 'Error: a fault in write']);
});

test('one end is asked for in a turn, and none when all is done', async () => {
  const ends = vi.spyOn(globalThis, 'setImmediate');
  try {
    for (const kind of ['read', 'write', 'read'] as const) new TurnWork(kind, () => {}).ask();
    expect(ends).toHaveBeenCalledTimes(1);
    await setTimeout(5);
    expect(ends).toHaveBeenCalledTimes(1);
  } finally {
    ends.mockRestore();
  }
});

test("for all of a turn's work it is now", async () => {
  let nowMs = 1_000;
  const advance = (): number => (nowMs += 1);
  const clocks = [vi.spyOn(Date, 'now'), vi.spyOn(performance, 'now')].map((clock) =>
    clock.mockImplementation(advance),
  );
  const times: number[] = [];
  const look = (): void => void times.push(turnClock.now(), turnMonotonicMs());
  try {
    for (const kind of ['read', 'read', 'write'] as const) new TurnWork(kind, look).ask();
    await turnEnd();
    const [wallMs, monotonicMs] = times;
    expect(times).toEqual([wallMs, monotonicMs, wallMs, monotonicMs, wallMs, monotonicMs]);
    times.length = 0;
    look();
    look();
    expect(new Set(times).size).toBe(4);
  } finally {
    for (const clock of clocks) clock.mockRestore();
  }
});
