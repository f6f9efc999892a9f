import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { beforeEach, expect, it } from 'vitest';
import { RedirectedCallers } from '../../../../../proxy/io/agent/redirected-callers.ts';
import type { Caller, TcpOwners } from '../../../../../proxy/io/agent/tcp-owner.ts';

const [AGENT, STRANGER, OURS] = [5, 6, process.geteuid?.() ?? 0];
const [local, dialled] = [
  { host: '127.0.0.1', port: 15_001 },
  { host: '192.0.2.1', port: 443 },
];

let rows: Caller[];
let callers: RedirectedCallers;
beforeEach(() => {
  rows = [];
  callers = new RedirectedCallers({ callersOf: () => Promise.resolve(rows) } as unknown as TcpOwners);
});

/** A connection that arrives from this port. */
class Arrival extends EventEmitter {
  destroyed = false;
  readonly #port: number;

  constructor(port: number) {
    super();
    this.#port = port;
  }

  get uid(): Promise<number | undefined> {
    return callers.uidOf(this as unknown as Socket, { host: '10.0.0.2', port: this.#port }, local, dialled);
  }
}

const agents = (...ports: number[]): Caller[] => ports.map((port) => ({ port, uid: AGENT }));
const strangers = (...ports: number[]): Caller[] => ports.map((port) => ({ port, uid: STRANGER }));

it.each<[what: string, rows: Caller[], uid: number | undefined]>([
  ['its port', [...strangers(2), ...agents(1)], AGENT],
  ['its port, let go', [{ port: 1, uid: undefined }, ...agents(2)], undefined],
  ['no row', [], undefined],
  ['rows of one user', agents(2, 3), AGENT],
  ['rows of one user beside those of the proxy', [{ port: 2, uid: OURS }, ...agents(3)], AGENT],
  ['rows of two users', [...agents(2), ...strangers(3)], undefined],
  ['a row that was let go beside', [...agents(2), { port: 3, uid: undefined }], undefined],
  ['rows that were let go alone', [{ port: 3, uid: undefined }], undefined],
])('finds %s', async (_, found, uid) => {
  rows = found;
  expect(await new Arrival(1).uid).toBe(uid);
});

it('a row stands for one connection, until that closes', async () => {
  rows = agents(2);
  const first = new Arrival(1);
  expect([await first.uid, await first.uid]).toEqual([AGENT, AGENT]);
  // A stranger's connection, which the kernel happened to give the port of the agent's row.
  rows = [...agents(2), ...strangers(3)];
  const second = new Arrival(2);
  expect(await second.uid).toBe(STRANGER);
  first.emit('close');
  expect(await new Arrival(2).uid).toBe(AGENT);
});

it('one that is asked for twice takes one row, though there are others by then', async () => {
  rows = agents(2);
  const first = new Arrival(1);
  expect(await first.uid).toBe(AGENT);
  rows = agents(3, 2);
  expect(await first.uid).toBe(AGENT);
  expect([await new Arrival(3).uid, await new Arrival(4).uid]).toEqual([AGENT, undefined]);
});

it('one that is gone takes none', async () => {
  rows = agents(1);
  const gone = new Arrival(1);
  gone.destroyed = true;
  expect([await gone.uid, await new Arrival(1).uid]).toEqual([undefined, AGENT]);
});
