import { describe, expect, test } from 'vitest';
import { nastyRequests } from '../support/real-servers/nasty-requests.ts';
import { nastyStreams } from '../support/real-servers/nasty-streams.ts';
import { SERVERS } from '../support/real-servers/server.ts';
import { WatchedServer } from '../support/real-servers/watched-server.ts';
import { seededRandom } from '../support/random.ts';

const SECONDS = Number(process.env['FUZZ_SECONDS'] ?? 5);
const FIRST_SEED = Number(process.env['FUZZ_SEED'] ?? Math.floor(Math.random() * 1e9));
const ONLY = process.env['ONLY']?.split(',');

describe.each(SERVERS.filter((name) => ONLY?.includes(name) ?? true))('%s', (name) => {
  test('understands what was forwarded', { timeout: SECONDS * 1_000 + 120_000 }, async () => {
    let watched = await WatchedServer.start(name);
    const counts = { cases: 0, forwarded: 0, understood: 0, strays: 0, faults: 0 };
    const until = Date.now() + SECONDS * 1_000;
    for (let seed = FIRST_SEED; Date.now() < until; seed += 1) {
      const random = seededRandom(seed);
      const over = seed % 3 === 0 ? 'http2' : 'http1';
      const bytes =
        over === 'http2'
          ? nastyStreams(random, watched.authority, seed)
          : Buffer.from(nastyRequests(random, watched.authority, seed), 'latin1');
      const verdict = await watched.judge(bytes, seed, over);
      counts.cases += 1;
      counts.forwarded += verdict.forwarded;
      counts.understood += verdict.understood;
      counts.strays += verdict.strays;
      if (verdict.strays > 0) console.log(name, over, seed, 'STRAY');
      if (verdict.faults.length > 0) {
        counts.faults += 1;
        if (counts.faults < 6)
          console.log(name, over, seed, JSON.stringify(bytes.toString('latin1')).slice(0, 1500), verdict.faults);
        await watched.close();
        watched = await WatchedServer.start(name);
      }
    }
    await watched.close();
    console.log(name, JSON.stringify(counts));
    expect(counts.understood).toBeGreaterThan(0);
  });
});
