import type { ServerResponse } from 'node:http';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { ProxyLimits } from '../../../proxy/limits.ts';
import { until } from '../../support/until.ts';
import { noteQuestions, type ProxyWorld, startProxyWorld } from '../../support/worlds/proxy-world.ts';

const HOUR_MS = 3_600_000;
const realNow = Date.now;

let world: ProxyWorld;
/** Answers that the upstream owes. */
let owed: ServerResponse[];
beforeEach(() => {
  owed = [];
});
afterEach(async () => {
  vi.restoreAllMocks();
  await world.close();
});

async function start(limits: Partial<ProxyLimits>): Promise<void> {
  world = await startProxyWorld({ config: { limits } });
  world.upstream.handle((_request, response) => owed.push(response));
}

/** Sets the clock of this machine, and waits until the proxy has looked at what runs: it then asks about every call anew. */
async function step(ms: number): Promise<void> {
  const asked = noteQuestions(world);
  vi.spyOn(Date, 'now').mockImplementation(() => realNow() + ms);
  await until('running calls were looked at', () => asked.length > 0);
}

test('a clock that is set ahead ends no call that waits, and no head that is on its way', async () => {
  await start({});
  const agent = await world.agent();
  agent.send(world.request('GET', '/slow'));
  await until('the call has arrived', () => owed.length === 1);
  const other = await world.agent();
  const [head = '', rest = ''] = world.request('GET', '/late').split(/(?=Host:)/);
  other.send(head);
  await step(HOUR_MS);
  owed[0]?.end('here');
  expect(await agent.answer()).toMatchObject({ status: 200, text: 'here' });
  world.upstream.handle(undefined);
  expect(await other.exchange(rest, 'GET')).toMatchObject({ status: 200, text: 'hello' });
});

test('a clock that is set back lets nothing wait longer', async () => {
  await start({ responseTimeoutMs: 5_000, agentIdleTimeoutMs: 1_000, upstreamIdleTimeoutMs: 1_000 });
  const agent = await world.agent();
  agent.send(world.request('GET', '/slow'));
  await until('the call has arrived', () => owed.length === 1);
  const idle = await world.agent();
  const answered = idle.exchange(world.request('GET', '/quick'));
  await until('the call has arrived', () => owed.length === 2);
  const [, quick] = owed;
  const closed = new Promise((resolve) => quick?.socket?.once('close', resolve));
  quick?.end('here');
  expect((await answered).status).toBe(200);
  await step(-HOUR_MS);
  expect((await agent.answer()).status).toBe(504);
  await idle.closed();
  await closed;
});
