import { connect, createServer, type Server, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openStore } from '../../../control-plane/store/open-store.ts';
import { CHANNELS, notifyFrom } from '../../../control-plane/store/sql-store.ts';
import { hasPostgres, startPostgres, type TestPostgres } from '../../support/control-plane/postgres.ts';

/** Relays to a server, and can fall silent: what is open stays open, and not a byte passes any more. */
async function openRelay(port: number): Promise<{ port: number; silence(): void; close(): Promise<void> }> {
  const pairs = new Set<readonly [Socket, Socket]>();
  const server: Server = createServer((near) => {
    const far = connect(port, '127.0.0.1');
    const pair = [near, far] as const;
    pairs.add(pair);
    for (const socket of pair) socket.on('error', () => {});
    near.pipe(far);
    far.pipe(near);
    near.once('close', () => far.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    silence: () => {
      for (const [near, far] of pairs) {
        near.unpipe(far);
        far.unpipe(near);
        near.resume();
        far.resume();
      }
    },
    close: async () => {
      for (const [near, far] of pairs) {
        near.destroy();
        far.destroy();
      }
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

describe.skipIf(!hasPostgres)('a database that is gone without a word', () => {
  let server: TestPostgres;
  beforeAll(async () => {
    server = await startPostgres();
  });
  afterAll(() => server.stop());

  it('is noticed by who listens, who listens again and is told of the gap', { timeout: 60_000 }, async () => {
    const url = new URL(await server.createDatabase());
    const relay = await openRelay(Number(url.port));
    url.port = String(relay.port);
    const errors: unknown[] = [];
    const store = await openStore({ url: url.href, onError: (error) => errors.push(error) });
    const heard: string[] = [];
    let gaps = 0;
    await store.listen(
      CHANNELS.revocation,
      (payload) => heard.push(payload),
      () => {
        gaps += 1;
      },
    );
    relay.silence();
    await expect.poll(() => gaps, { timeout: 20_000 }).toBe(1);
    expect(errors.length).toBeGreaterThan(0);
    // The pool's own connection went silent with it, so another store tells.
    const other = await openStore({ url: url.href });
    await other.system((tx) => notifyFrom(tx, CHANNELS.revocation, 'again'));
    await expect.poll(() => heard, { timeout: 10_000 }).toEqual(['again']);
    await other.close();
    await relay.close();
    await store.close();
  });
});
