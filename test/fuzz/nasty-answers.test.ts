import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { bearer, grant, route, SECRET, startProxyWorld } from '../support/worlds/proxy-world.ts';
import { startClients } from '../support/real-servers/clients.ts';
import { nastyAnswer } from '../support/real-servers/nasty-answers.ts';
import { seededRandom } from '../support/random.ts';
import { startRawUpstream } from '../support/upstreams/upstream.ts';
import { FUZZ_SECONDS, FUZZ_SEED } from '../support/time-box.ts';

/** A-13, backwards: whatever a server answers, agents hear one answer, and the next is the next. */

/** Answers `/answer/N` as the seed N says, the rest with the path. */
function startServer(): ReturnType<typeof startRawUpstream> {
  return startRawUpstream((socket) => {
    let text = '';
    socket.on('data', (bytes) => {
      text += bytes.toString('latin1');
      for (let end = text.indexOf('\r\n\r\n'); end >= 0; end = text.indexOf('\r\n\r\n')) {
        const path = text.split(' ', 2)[1] ?? '';
        text = text.slice(end + 4);
        if (path.startsWith('/answer/')) {
          const answer = nastyAnswer(seededRandom(Number(path.slice(8))));
          socket.write(answer.text, 'latin1');
          if (answer.ends) socket.end();
        } else socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${path.length}\r\n\r\n${path}`);
      }
    });
  });
}

test.each([true, false])(
  'agents hear alike, with a credential: %s',
  { timeout: FUZZ_SECONDS * 1_000 + 120_000 },
  async (injectsCredential) => {
    const upstream = await startServer();
    const world = await startProxyWorld({
      routes: () => [route({ ports: [upstream.port], injectsCredential })],
      config: { limits: { bodyIdleTimeoutMs: 1_500, responseTimeoutMs: 1_500 } },
    });
    world.client.decide = (question) => grant(question, injectsCredential ? bearer(SECRET) : undefined);
    const folder = mkdtempSync(join(tmpdir(), 'sidekey-clients-'));
    const clients = startClients(world.proxy.address.port, `api.test:${upstream.port}`, folder);
    const counts = { cases: 0, heardByAll: 0, refused: 0 };
    const faults: string[] = [];
    try {
      const until = Date.now() + (FUZZ_SECONDS * 1_000) / 2;
      for (let seed = FUZZ_SEED; Date.now() < until; seed += 1) {
        const method = seed % 7 === 0 ? 'HEAD' : 'GET';
        const heard = await Promise.all(clients.map((client) => client.hear(method, seed)));
        const told = heard.flatMap(([answer]) => (answer !== undefined && 'status' in answer ? [answer] : []));
        const distinct = new Set(told.map(shown));
        const own = Buffer.from(`/canary/${seed}`).toString('base64');
        const isOwn = heard.every(([, canary]) => canary !== undefined && 'body' in canary && canary.body === own);
        counts.cases += 1;
        if (told.length === clients.length) counts.heardByAll += 1;
        if (told.some(({ status }) => status === 502)) counts.refused += 1;
        if (distinct.size <= 1 && isOwn) continue;
        const each = clients.map(({ name }, at) => `${name} ${JSON.stringify(heard[at]).slice(0, 150)}`);
        const { text } = nastyAnswer(seededRandom(seed));
        faults.push(`${seed} ${method} ${JSON.stringify(text.slice(0, 600))}:\n  ${each.join('\n  ')}`);
      }
    } finally {
      for (const client of clients) client.close();
      await world.close();
      await upstream.close();
      rmSync(folder, { recursive: true, force: true });
    }
    console.log(`${clients.map(({ name }) => name).join(', ')}: ${JSON.stringify(counts)}`);
    expect(counts.heardByAll).toBeGreaterThan(0);
    expect(faults).toEqual([]);
  },
);

/** What the proxy itself says names the agent's version of HTTP. */
function shown({ status, body }: { readonly status: number; readonly body: string }): string {
  return status > 500 ? String(status) : `${status} ${body}`;
}
