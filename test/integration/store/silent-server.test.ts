import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openStore } from '../../../control-plane/store/open-store.ts';
import { CHANNELS, notifyFrom } from '../../../control-plane/store/sql-store.ts';
import { hasPostgres, startPostgres, type TestPostgres } from '../../support/control-plane/postgres.ts';
import { startBreakableRelay } from '../../support/upstreams/breakable-relay.ts';

/** So many tries to connect anew have failed that the next is some seconds away. */
const MANY_ERRORS = 5;

/** A store there, what it was told of, and how often some of that may have been missed. */
async function listenAt(url: URL) {
  const [errors, heard]: [unknown[], string[]] = [[], []];
  let gaps = 0;
  const store = await openStore({ url: url.href, onError: (error) => errors.push(error) });
  await store.listen(
    CHANNELS.revocation,
    (payload) => heard.push(payload),
    () => (gaps += 1),
  );
  return { store, errors, heard, gaps: () => gaps };
}

describe.skipIf(!hasPostgres)('who listens to a database', () => {
  let server: TestPostgres;
  beforeAll(async () => {
    server = await startPostgres();
  });
  afterAll(() => server.stop());

  it('notices that it is gone without a word, listens again and is told of the gap', { timeout: 60_000 }, async () => {
    const url = new URL(await server.createDatabase());
    const relay = await startBreakableRelay(Number(url.port));
    url.port = String(relay.port);
    const { store, errors, heard, gaps } = await listenAt(url);
    relay.strike('stalls');
    await expect.poll(gaps, { timeout: 20_000 }).toBe(1);
    expect(errors.length).toBeGreaterThan(0);
    // The pool's own connection went silent with it, so another store tells.
    const other = await openStore({ url: url.href });
    await other.system((tx) => notifyFrom(tx, CHANNELS.revocation, 'again'));
    await expect.poll(() => heard, { timeout: 10_000 }).toEqual(['again']);
    await other.close();
    await relay.close();
    await store.close();
  });

  it('listens on one connection, whoever was first to connect anew', { timeout: 60_000 }, async () => {
    const url = new URL(await server.createDatabase());
    const target = Number(url.port);
    const gone = await startBreakableRelay(target);
    url.port = String(gone.port);
    const { store, errors, heard, gaps } = await listenAt(url);
    await gone.close();
    await expect.poll(() => errors.length, { timeout: 20_000 }).toBeGreaterThan(MANY_ERRORS);
    const back = await startBreakableRelay(target, { host: '127.0.0.1', port: gone.port });
    // One who comes before the next try that is due.
    await store.listen(CHANNELS.policy, () => {});
    await expect.poll(gaps, { timeout: 20_000 }).toBe(1);
    for (const payload of ['once', 'last']) await store.system((tx) => notifyFrom(tx, CHANNELS.revocation, payload));
    await expect.poll(() => heard.includes('last')).toBe(true);
    expect(heard).toEqual(['once', 'last']);
    await store.close();
    await back.close();
  });
});
