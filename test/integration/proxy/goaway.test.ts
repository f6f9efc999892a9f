import http from 'node:http';
import { text } from 'node:stream/consumers';
import { describe, expect, test } from 'vitest';
import { bearer, grant, route, SECRET, startProxyWorld } from '../../support/worlds/proxy-world.ts';
import { missingFor, startRealServer } from '../../support/real-servers/server.ts';

// Real servers that ask for another connection after a few calls, while more are under way: none is lost, none comes twice.

const NAMES = ['node', 'nginx', 'apache', 'lighttpd', 'envoy'].map((name) => `${name} over h2c`);
const CALLS = 60;

describe.each(NAMES.map((name) => ({ name, missing: missingFor(name) })))('$name', ({ name, missing }) => {
  test.skipIf(missing !== undefined)(
    missing === undefined ? 'gets each call once' : `(it needs ${missing})`,
    { timeout: 120_000 },
    async () => {
      const server = await startRealServer(name, 5);
      const world = await startProxyWorld({ routes: () => [route({ ports: [server.port], protocol: 'h2c' })] });
      world.client.decide = (question) => grant(question, bearer(SECRET));
      const agent = new http.Agent({ keepAlive: true, maxSockets: 6 });
      const call = (method: string, number: number, body: string): Promise<string> =>
        new Promise((resolve, reject) => {
          const authority = `api.test:${server.port}`;
          const headers = { host: authority, 'x-case': String(number), 'content-length': body.length };
          const path = `http://${authority}/read/${number}`;
          const options = { agent, host: '127.0.0.1', port: world.proxy.address.port, method, path, headers };
          const request = http.request(options, (answer) => {
            text(answer).then((told) => resolve(`${answer.statusCode} ${told}`), reject);
          });
          request.on('error', reject);
          request.end(body);
        });
      try {
        const kinds = [
          ['POST', ''],
          ['GET', ''],
          ['POST', 'with content'],
        ] as const;
        const told = await Promise.all(
          Array.from({ length: CALLS }, (_, at) => call(...([kinds[at % 3]![0], at, kinds[at % 3]![1]] as const))),
        );
        for (const [at, answer] of told.entries()) {
          const times = server.seen.filter((one) => one.case === String(at)).length;
          expect(`${times} ${answer}`).toMatch(new RegExp(`^1 200 .*"case":"${at}"`));
        }
      } finally {
        agent.destroy();
        await world.close();
        server.close();
      }
    },
  );
});
