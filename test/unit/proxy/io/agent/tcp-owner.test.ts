import { once } from 'node:events';
import net from 'node:net';
import { endianness } from 'node:os';
import { describe, expect, it } from 'vitest';
import { findCallers, findOwner, isAbandoned, readEnds, TcpOwners } from '../../../../../proxy/io/agent/tcp-owner.ts';

const TABLE = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1111 1
   1: 0100007F:D431 0100007F:1F90 01 00000000:00000000 00:00000000 00000000  1000        0 2222 1
   2: 0100007F:1F90 0100007F:D431 01 00000000:00000000 00:00000000 00000000  1337        0 3333 1
   3: 0100007F:D432 0100007F:1F90 06 00000000:00000000 03:00000000 00000000     0        0 0 3
`;
const loopback = (port: number): { host: string; port: number } => ({ host: '127.0.0.1', port });

describe.skipIf(endianness() !== 'LE')('the owner of a TCP connection', () => {
  it('is that of the row with both ends, not of its mirror', () => {
    expect(findOwner(TABLE, loopback(0xd431), loopback(8080))).toBe(1000);
    expect(findOwner(TABLE, loopback(8080), loopback(0xd431))).toBe(1337);
  });

  it('is unknown for a connection that is not there or that no process holds any more', () => {
    expect(findOwner(TABLE, loopback(0xd433), loopback(8080))).toBeUndefined();
    expect(findOwner(TABLE, loopback(0xd432), loopback(8080))).toBeUndefined();
  });

  it('may hold a socket of IPv6 with mapped addresses, or one of IPv6', () => {
    const row = (local: string, remote: string): string =>
      `   0: ${local}:D431 ${remote}:1F90 01 0:0 00:0 0  42        0 9 1\n`;
    const mapped = '0000000000000000FFFF00000100007F';
    expect(findOwner(row(mapped, mapped), loopback(0xd431), loopback(8080))).toBe(42);
    const [host, remote] = ['2001:db8::1', '::1'];
    const table = row('B80D0120000000000000000001000000', '00000000000000000000000001000000');
    expect(findOwner(table, { host, port: 0xd431 }, { host: remote, port: 8080 })).toBe(42);
  });
});

describe.skipIf(endianness() !== 'LE')('the sockets that may be the other end', () => {
  it('are those that nobody told of an end', () => {
    const [here, there] = ['0100007F', '09006433:01BB'];
    const row = (port: string, state: string, inode: number, local = here, remote = there): string =>
      `   0: ${local}:${port} ${remote} ${state} 00000000:00000000 00:00000000 00000000  1000        0 ${inode} 1\n`;
    const mapped = '0000000000000000FFFF0000';
    const table = [
      row('0001', '01', 9),
      row('0002', '04', 9),
      row('0003', '05', 0),
      row('0004', '06', 0),
      row('0005', '08', 9),
      row('0006', '02', 9),
      row('0007', '01', 9, '0200007F'),
      row('0008', '01', 9, here, '09006433:01BC'),
      row('FFFF', '01', 9, mapped + here, mapped + there),
    ].join('');
    expect(findCallers(table, '127.0.0.1', { host: '51.100.0.9', port: 443 })).toEqual([
      { port: 1, uid: 1000 },
      { port: 2, uid: 1000 },
      { port: 3, uid: undefined },
      { port: 65_535, uid: 1000 },
    ]);
  });
});

describe.skipIf(process.platform !== 'linux')('this machine', () => {
  it.each(['127.0.0.1', '::1'])('says who holds a connection over %s, also to many who ask at once', async (host) => {
    const server = net.createServer().listen(0, host);
    await once(server, 'listening');
    const { port } = server.address() as net.AddressInfo;
    const client = net.connect({ host, port });
    await once(client, 'connect');
    const owners = new TcpOwners();
    const asked = Array.from({ length: 20 }, () => owners.uidOf({ host, port: client.localPort ?? 0 }, { host, port }));
    expect(new Set(await Promise.all(asked))).toEqual(new Set([process.getuid?.()]));
    expect(await owners.uidOf({ host, port: 1 }, { host, port })).toBeUndefined();
    const theirs = { host, port: client.localPort ?? 0 };
    expect(await owners.callersOf(host, { host, port }, [{ host, port }, theirs])).toEqual([
      { port: client.localPort, uid: process.getuid?.() },
    ]);
    expect(
      await owners.callersOf(host, { host, port }, [
        { host, port },
        { host, port: 1 },
      ]),
    ).toEqual([]);
    const later = net.connect({ host, port });
    await once(later, 'connect');
    const end = { host, port: later.localPort ?? 0 };
    expect(await owners.uidOf(end, { host, port })).toBe(process.getuid?.());
    expect(await Promise.all([end, end].map((one) => owners.isAbandoned(one)))).toEqual([false, false]);
    later.destroy();
    await expect.poll(() => owners.isAbandoned(end)).toBe(true);
    expect(await owners.isAbandoned({ host, port: client.localPort ?? 0 })).toBe(false);
    client.destroy();
    server.close();
  });
});

describe.skipIf(endianness() !== 'LE')('an end that closed', () => {
  const end = loopback(0xd431);
  const row = (local: string, remote: string, inode: number): string =>
    `   0: ${local} ${remote} 05 00000000:00000000 00:00000000 00000000     0        0 ${inode} 1\n`;
  const [there, here] = ['0100007F:D431', '0100007F:1F90'];
  const ours = row(here, there, 7);
  it.each([
    ['held at both ends', [row(there, here, 9) + ours], false],
    ['let go by its own end', [row(there, here, 0) + ours], true],
    ['let go by its own end, which was redirected to us', [row(there, '01020304:01BB', 0) + ours], true],
    ['of another name space', [ours], false],
    ['reset, and gone from here too', [row(here, '0100007F:D432', 8)], true],
    ['in a table that shows nothing', ['', ''], false],
    ['held towards one, let go towards another', [row(there, here, 9) + row(there, '01020304:01BB', 0) + ours], false],
    ['let go at both ends', [row(here, there, 0) + row('0100007F:D432', '0100007F:D433', 8)], true],
    ['in a table of sockets that nobody holds', [row(here, '0100007F:D432', 0)], false],
    [
      'held by a socket of IPv6',
      ['', row(`0000000000000000FFFF0000${there}`, `0000000000000000FFFF0000${here}`, 9)],
      false,
    ],
  ])('%s', (_, tables, expected) => {
    expect(isAbandoned(readEnds(tables), end)).toBe(expected);
  });
});
