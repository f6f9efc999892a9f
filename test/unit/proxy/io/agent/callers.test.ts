import { once } from 'node:events';
import net from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Callers } from '../../../../../proxy/io/agent/callers.ts';
import { withFolder } from '../../../../support/folder.ts';

const OURS = process.getuid?.() ?? 0;

it.each<[allowed: number[] | undefined, admitted: (number | undefined)[], checked: boolean]>([
  [undefined, [0, 5, 6], false],
  [[5], [5], true],
  [[0, 6], [0, 6], true],
  [[], [], true],
])('of those with %j it admits %j', (allowed, admitted, checked) => {
  const callers = new Callers(allowed);
  expect([undefined, 0, 5, 6].filter((uid) => callers.admits(uid))).toEqual(admitted);
  expect(callers.areChecked).toBe(checked);
});

/** Both ends of one connection. */
async function connected<T>(
  at: net.ListenOptions,
  use: (accepted: net.Socket, dialled: net.Socket) => Promise<T>,
): Promise<T> {
  const server = net.createServer().listen(at);
  await once(server, 'listening');
  const address = server.address();
  const dialled = net.connect(
    typeof address === 'string' ? { path: address } : { host: '127.0.0.1', port: address?.port ?? 0 },
  );
  const [accepted] = (await once(server, 'connection')) as [net.Socket];
  try {
    return await use(accepted, dialled);
  } finally {
    accepted.destroy();
    dialled.destroy();
    server.close();
  }
}

describe.skipIf(process.platform !== 'linux')('the user behind a connection', () => {
  it('over TCP, where the caller is connected to, or believes to be', async () => {
    await connected({ host: '127.0.0.1', port: 0 }, async (accepted) => {
      const callers = new Callers([OURS]);
      expect(await callers.uidOf(accepted)).toBe(OURS);
      const { localPort: port = 0 } = accepted;
      expect(await callers.uidOf(accepted, { host: '127.0.0.1', port })).toBe(OURS);
      expect(await callers.uidOf(accepted, { host: '192.0.2.1', port: 443 })).toBeUndefined();
    });
  });

  it('over a unix socket, once that is prepared, which only a check of callers does', async () => {
    await withFolder(async (folder) => {
      await connected({ path: join(folder, 'proxy.sock') }, async (accepted) => {
        const [callers, unchecked] = [new Callers([OURS]), new Callers(undefined)];
        expect(await callers.uidOf(accepted)).toBeUndefined();
        for (const each of [callers, unchecked, callers]) each.prepareUnix();
        expect(await callers.uidOf(accepted)).toBe(OURS);
        expect(await unchecked.uidOf(accepted)).toBeUndefined();
      });
    });
  });

  it('is nobody for what is not connected any more, or by a name', async () => {
    const callers = new Callers(undefined);
    expect(await callers.uidOf(new net.Socket())).toBeUndefined();
    const end = { remoteAddress: '127.0.0.1', remotePort: 1, localAddress: '127.0.0.1', localPort: 2 };
    for (const changes of [
      { remotePort: undefined },
      { localAddress: undefined },
      { localPort: undefined },
      { remoteAddress: 'x' },
    ]) {
      expect(await callers.uidOf({ ...end, ...changes } as net.Socket)).toBeUndefined();
    }
  });
});
