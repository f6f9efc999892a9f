import { describe, expect, test } from 'vitest';
import { chosen } from '../support/real-servers/chosen.ts';
import { nastyRequests } from '../support/real-servers/nasty-requests.ts';
import { nastyStreams } from '../support/real-servers/nasty-streams.ts';
import { missingFor, SERVERS } from '../support/real-servers/server.ts';
import { WatchedServer } from '../support/real-servers/watched-server.ts';
import { seededRandom } from '../support/random.ts';
import { FUZZ_SECONDS, FUZZ_SEED } from '../support/time-box.ts';

/** what a real server understands is what the proxy recorded that it forwarded; nothing else carries a credential. */

const SECONDS = FUZZ_SECONDS / 4;
/** It leaves content unread, and runs what it takes for a request in it. */
const TAKES_CONTENT_FOR_REQUESTS = 'http.server';

describe.each(chosen(SERVERS, missingFor).map((name) => ({ name, missing: missingFor(name) })))(
  '$name',
  ({ name, missing }) => {
    test.skipIf(missing !== undefined)(
      missing === undefined ? 'understands what was forwarded' : `(it needs ${missing})`,
      { timeout: FUZZ_SECONDS * 1_000 + 120_000 },
      async () => {
        const watched = await WatchedServer.start(name);
        const counts = { cases: 0, forwarded: 0, understood: 0, strays: 0 };
        try {
          const until = Date.now() + SECONDS * 1_000;
          for (let seed = FUZZ_SEED; Date.now() < until; seed += 1) {
            const random = seededRandom(seed);
            const over = seed % 3 === 0 ? 'http2' : 'http1';
            const bytes =
              over === 'http2'
                ? nastyStreams(random, watched.authority, seed, watched.scheme)
                : Buffer.from(nastyRequests(random, watched.authority, seed, watched.scheme), 'latin1');
            const { faults, forwarded, understood, strays } = await watched.judge(bytes, seed, over);
            const what = `FUZZ_SEED=${seed} ${over} ${JSON.stringify(bytes.toString('latin1')).slice(0, 2_000)}`;
            expect(faults, what).toEqual([]);
            if (name !== TAKES_CONTENT_FOR_REQUESTS) expect(strays, what).toEqual([]);
            counts.cases += 1;
            counts.forwarded += forwarded;
            counts.understood += understood;
            counts.strays += strays.length;
          }
        } finally {
          await watched.close();
        }
        console.log(`${name}: ${JSON.stringify(counts)}`);
        expect(counts.understood).toBeGreaterThan(0);
      },
    );
  },
);
