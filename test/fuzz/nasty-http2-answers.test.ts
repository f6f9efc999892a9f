import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { cutFrames, describeFrame } from '../support/protocols/http2-frames.ts';
import { bearer, grant, routeTo, SECRET, startProxyWorld } from '../support/worlds/proxy-world.ts';
import type { Heard } from '../support/real-servers/clients.ts';
import { startHttp2Clients } from '../support/real-servers/http2-clients.ts';
import type { NastyHttp2Answer } from '../support/real-servers/nasty-http2-answers.ts';
import { startNastyHttp2Server } from '../support/real-servers/nasty-http2-server.ts';
import { until } from '../support/until.ts';
import { FUZZ_SECONDS, FUZZ_SEED } from '../support/time-box.ts';

/** A-13, backwards, over HTTP/2: agents hear what a server said if that was whole, and once; the next call is the next. */

test('agents hear what was said, or that it broke', { timeout: FUZZ_SECONDS * 1_000 + 120_000 }, async () => {
  const server = await startNastyHttp2Server();
  const world = await startProxyWorld({
    routes: () => [routeTo(server, 'api.test')],
    config: { limits: { bodyIdleTimeoutMs: 2_000, responseTimeoutMs: 2_000 } },
  });
  world.client.decide = (question) => grant(question, bearer(SECRET));
  const folder = mkdtempSync(join(tmpdir(), 'sidekey-clients-'));
  const caFile = join(folder, 'ca.pem');
  const caPem = world.proxy.caPem ?? '';
  writeFileSync(caFile, caPem);
  const authority = `api.test:${server.port}`;
  const clients = startHttp2Clients({ proxyPort: world.proxy.address.port, caFile, caPem, authority }, folder);
  const counts = { cases: 0, whole: 0, cut: 0, broken: 0, refused: 0 };
  const faults: string[] = [];
  try {
    const end = performance.now() + FUZZ_SECONDS * 1_000;
    for (let seed = FUZZ_SEED; performance.now() < end; seed += 1) {
      const method = ['GET', 'POST', 'POST', 'HEAD'][seed % 4] ?? '';
      for (const client of clients) {
        server.calls.length = 0;
        const [answer, canary] = await client.hear(method, seed);
        const [first, ...again] = server.calls;
        counts.cases += 1;
        if (first !== undefined) counts[first.meant] += 1;
        const fault =
          faultOf(answer, first, again, method) ?? (isOwn(canary, seed) ? undefined : 'the next call is lost');
        if (fault === undefined) continue;
        const frames = cutFrames(Buffer.concat(first?.frames ?? [])).map(describeFrame);
        const what = JSON.stringify([answer, canary]).slice(0, 500);
        faults.push(`FUZZ_SEED=${seed} ${method} ${client.name}: ${fault}: ${what}\n  ${frames.join(', ')}`);
      }
    }
    const recorded = (): number => world.client.records.filter(({ path }) => path.startsWith('/answer/')).length;
    await until('all calls are recorded', () => recorded() >= counts.cases);
  } finally {
    for (const client of clients) client.close();
    await world.close();
    await server.close();
    rmSync(folder, { recursive: true, force: true });
  }
  console.log(`${clients.map(({ name }) => name).join(', ')}: ${JSON.stringify(counts)}`);
  expect(counts.whole).toBeGreaterThan(0);
  expect(faults).toEqual([]);
});

function faultOf(
  heard: Heard | undefined,
  first: NastyHttp2Answer | undefined,
  again: readonly NastyHttp2Answer[],
  method: string,
): string | undefined {
  if (first === undefined || heard === undefined) return 'it never came';
  const isSafe = method !== 'POST';
  if (again.length > (first.meant === 'refused' || isSafe ? 1 : 0)) return `it came ${again.length + 1} times`;
  const said = again[0] ?? first;
  if (!('status' in heard) || heard.status === 502) return said.meant === 'whole' ? 'it is lost' : undefined;
  if (said.meant === 'broken' || said.meant === 'refused') return 'it was told as whole';
  const isSame = heard.status === said.status && Buffer.from(heard.body, 'base64').toString('latin1') === said.body;
  return isSame ? undefined : 'it was told otherwise';
}

function isOwn(canary: Heard | undefined, seed: number): boolean {
  return (
    canary !== undefined && 'body' in canary && Buffer.from(canary.body, 'base64').toString() === `/canary/${seed}`
  );
}
