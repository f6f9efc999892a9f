import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { nastyRequests, OPEN_SMUGGLED } from '../support/real-servers/nasty-requests.ts';
import { nastyStreams } from '../support/real-servers/nasty-streams.ts';
import { type GuardedServer, missingForGuarded, startGuarded } from '../support/real-servers/guarded.ts';
import { FORMS, passes, POLICIES, privatePath } from '../support/real-servers/private-paths.ts';
import { missingFor } from '../support/real-servers/server.ts';
import { WatchedServer } from '../support/real-servers/watched-server.ts';
import { seededRandom } from '../support/random.ts';

const SERVERS = [
  ...['http.server', 'cheroot', 'gunicorn gthread', 'uvicorn httptools', 'webrick', 'php'],
  ...['nginx', 'apache', 'haproxy', 'lighttpd', 'caddy'],
  ...['apache over h2c', 'nghttpx over h2c', 'hypercorn over h2c'],
];
const SEEDS = Array.from({ length: 20 }, (_, seed) => seed);

const CHUNKED = `${OPEN_SMUGGLED.length.toString(16)}\r\n${OPEN_SMUGGLED}\r\n0\r\n\r\n`;
/** Handlers need not read content: those behind `/ignore` leave it where it is. */
const UNREAD: readonly [string, string, string][] = [
  ['POST', withLength(OPEN_SMUGGLED), 'that opens as a request does'],
  ['POST', withLength(`\r\n \t${OPEN_SMUGGLED}`), 'that opens so behind an empty line'],
  ['PUT', withLength('GET /smuggled?'), 'that opens as a request line'],
  ['POST', withLength('X-'), 'that is the start of a method'],
  ['POST', withLength(`{"a":1}\r\n${OPEN_SMUGGLED}`), 'that holds a request'],
  ['POST', `Transfer-Encoding: chunked\r\n\r\n${CHUNKED}`, 'in chunks'],
  ['GET', withLength('{"query":{}}'), 'that a GET has'],
  ['DELETE', withLength('{"all":true}'), 'that a DELETE has'],
];

function withLength(content: string): string {
  return `Content-Length: ${content.length}\r\n\r\n${content}`;
}

describe.each(SERVERS.map((name) => ({ name, missing: missingFor(name) })))('$name', ({ name, missing }) => {
  describe.skipIf(missing !== undefined)(missing === undefined ? 'is here' : `(it needs ${missing})`, () => {
    let watched: WatchedServer;
    beforeAll(async () => {
      watched = await WatchedServer.start(name);
    });
    afterAll(() => watched.close());

    test.each(UNREAD)('A-13 the content of a %s that nobody reads reaches no later call: %#', async (method, rest) => {
      const { authority } = watched;
      const head = `${method} http://${authority}/ignore/1/0 HTTP/1.1\r\nHost: ${authority}\r\nX-Case: 1.0\r\n`;
      const verdict = await watched.judge(Buffer.from(`${head}${rest}`, 'latin1'), 1);
      expect(verdict).toMatchObject({ faults: [], forwarded: 1 });
    });

    test('A-13 requests meant to be misread are understood as they were recorded', async () => {
      let understood = 0;
      for (const seed of SEEDS) {
        const random = seededRandom(seed);
        const requests = Buffer.from(nastyRequests(random, watched.authority, seed), 'latin1');
        const overHttp1 = await watched.judge(requests, seed);
        const overHttp2 = await watched.judge(nastyStreams(random, watched.authority, seed), seed, 'http2');
        expect([...overHttp1.faults, ...overHttp2.faults], `seed ${seed}`).toEqual([]);
        understood += overHttp1.understood + overHttp2.understood;
      }
      expect(understood).toBeGreaterThan(0);
    });
  });
});

/** Servers whose `/private` is kept from an agent, and paths that some server takes for it or for something below it. */
const GUARDS = [
  'nginx locations',
  'apache',
  'lighttpd',
  'caddy',
  'haproxy',
  "Python's http.server",
  'waitress',
  'webrick',
];
const NEAR = [
  '/private.',
  '/private%20',
  '/private..%20',
  '/private%20./',
  '/private.%20.json',
  '/PRIVATE.',
  '/private;x',
  '/private%2F',
];
const SEEDED = Array.from({ length: 400 }, (_, seed) => privatePath(seededRandom(seed)));

describe.each(GUARDS.map((name) => ({ name, missing: missingForGuarded(name) })))('$name', ({ name, missing }) => {
  describe.skipIf(missing !== undefined)(missing === undefined ? 'is here' : `(it needs ${missing})`, () => {
    let server: GuardedServer;
    beforeAll(async () => {
      server = await startGuarded(name);
    });
    afterAll(() => server.close());

    test('A-11 what policy keeps from an agent comes under no other path', async () => {
      expect(await server.tells(['/private/marker.txt', '/public/a.txt'])).toEqual([true, false]);
      for (const policy of POLICIES) {
        for (const forms of FORMS) {
          const passing = [...NEAR, ...SEEDED].map((path) => passes(path, policy, forms));
          const paths = [...new Set(passing.filter((path) => path !== undefined))];
          const told = await server.tells(paths);
          expect(
            paths.filter((_, at) => told[at] === true),
            policy,
          ).toEqual([]);
          expect(told).toContain(false);
        }
      }
    });
  });
});
