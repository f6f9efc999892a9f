import { endianness } from 'node:os';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { TcpOwners } from '../../../../../proxy/io/agent/tcp-owner.ts';
import { turnEnd } from '../../../../support/turn-end.ts';

/** What waits for each reading of the table of IPv4; that of IPv6 is empty. */
const { waiting } = vi.hoisted(() => ({ waiting: [] as ((table: string) => void)[] }));
vi.mock('node:fs/promises', () => ({
  readFile: (file: string) => (file.endsWith('tcp') ? new Promise((give) => waiting.push(give)) : Promise.resolve('')),
}));
beforeEach(() => {
  waiting.length = 0;
});

const row = (inode: number): string =>
  `   0: 0100007F:D431 0100007F:1F90 01 00000000:00000000 00:00000000 00000000  1000        0 ${inode} 1\n`;
const [HELD, GONE] = [row(9), row(0)];
const [end, ours] = [
  { host: '127.0.0.1', port: 0xd431 },
  { host: '127.0.0.1', port: 8080 },
];

describe.skipIf(endianness() !== 'LE')('readings of the tables', () => {
  it.each([
    [[HELD], false],
    [[GONE, HELD], false],
    [[GONE, GONE], true],
  ])('%j: an end is given up only when it shows so twice', async (tables, expected) => {
    const answer = new TcpOwners().isAbandoned(end);
    for (const table of tables) {
      await turnEnd();
      waiting.shift()?.(table);
    }
    expect(await answer).toBe(expected);
    await turnEnd();
    expect(waiting).toEqual([]);
  });

  it('begin after the question, one at a time, and answer all who wait', async () => {
    const owners = new TcpOwners();
    const first = owners.uidOf(end, ours);
    await turnEnd();
    const later = [owners.uidOf(end, ours), owners.uidOf(end, ours)];
    await turnEnd();
    expect(waiting).toHaveLength(1);
    waiting.shift()?.(GONE);
    expect(await first).toBeUndefined();
    await turnEnd();
    expect(waiting).toHaveLength(1);
    waiting.shift()?.(HELD);
    expect(await Promise.all(later)).toEqual([1000, 1000]);
  });
});
