import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { curl, curlStream } from '../support/agents/curl.ts';
import { until } from '../support/until.ts';
import { World } from '../support/worlds/world.ts';

const hasPromtool = spawnSync('promtool', ['--version']).status === 0;

let world: World;
beforeAll(async () => {
  world = await World.start({ controlPlane: { metricsListen: { host: '127.0.0.1', port: 0 } } });
});
afterAll(() => world.close());

/** As Prometheus asks. */
async function scrape(): Promise<string> {
  const answer = await fetch(world.controlPlane.metricsUrl ?? '');
  expect(answer.status).toBe(200);
  expect(answer.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
  return answer.text();
}

/** The value of one series, such as `name{label="value"}`; 0 when it is not there. */
async function value(series: string): Promise<number> {
  const line = (await scrape()).split('\n').find((one) => one.startsWith(`${series} `));
  return Number(line?.slice(series.length + 1) ?? 0);
}

const own = (name: string): string => `sidekey_control_plane_${name}`;

describe('/metrics of a control plane', () => {
  it('tells of a proxy, its questions, credentials and records', async () => {
    expect((await curl(world, '/v1/items')).status).toBe(200);
    expect((await curl(world, '/other')).status).toBe(403);
    expect(await value(own('proxies'))).toBe(1);
    expect(await value(own('tenants'))).toBe(1);
    expect(await value(own('sessions'))).toBe(1);
    expect(await value(own('attestations_total{reason="ok"}'))).toBe(1);
    expect(await value(own('authorizations_total{reason="ok"}'))).toBe(1);
    expect(await value(own('authorizations_total{reason="rule-denied"}'))).toBe(1);
    expect(await value(own('authorization_seconds_count'))).toBe(2);
    expect(await value(own('credentials_total{type="oauth2-client-credentials",outcome="made"}'))).toBe(1);
    expect(await value(own('token_requests_total{outcome="answered"}'))).toBe(1);
    expect(await value(own('token_request_seconds_count'))).toBe(1);
    await expect.poll(() => value(own('records_total')), { timeout: 10_000 }).toBeGreaterThanOrEqual(2);
    expect(await value(own('record_lag_seconds_count'))).toBeGreaterThanOrEqual(1);
    expect(await value(own('store_transaction_seconds_count'))).toBeGreaterThan(3);
    expect(await value(own('store_connections'))).toBe(1);
    expect(await value('process_resident_memory_bytes')).toBeGreaterThan(1_000_000);
  });

  it('tells how soon a revocation was pushed', async () => {
    const stream = curlStream(world);
    await until('the stream runs', () => stream.bytes() > 20);
    await world.revoke('policy', 'agent-uses-api');
    await until('the stream is cut', () => stream.endedAt() !== undefined);
    expect(await value(own('revocations_total{target="policy"}'))).toBe(1);
    expect(await value(own('revocation_push_seconds_count'))).toBe(1);
    await world.rest('DELETE', '/v1/revocations', { target: 'policy', name: 'agent-uses-api' });
  });

  it('has no name of a tenant, workload, host or credential, and no secret', async () => {
    const text = await scrape();
    for (const word of [
      'default',
      'agent',
      'localhost',
      'api-token',
      world.api.client.secret,
      ...world.api.seenTokens,
    ]) {
      expect(text).not.toContain(`"${word}"`);
      if (word.length > 20) expect(text).not.toContain(word);
    }
  });

  it('serves nothing else, to nobody who would change something', async () => {
    const url = new URL(world.controlPlane.metricsUrl ?? '');
    expect((await fetch(url, { method: 'POST' })).status).toBe(405);
    for (const path of ['/', '/v1/decisions', '/metrics/', '/__proto__', '/constructor']) {
      expect((await fetch(new URL(path, url))).status).toBe(404);
    }
  });

  it.skipIf(!hasPromtool)('is what Prometheus takes (it needs promtool)', async () => {
    const checked = spawnSync('promtool', ['check', 'metrics'], { input: await scrape(), encoding: 'utf8' });
    // What prom-client itself says of Node has names that promtool would choose otherwise.
    const ours = checked.stderr.split('\n').filter((line) => line.startsWith('sidekey_') || line.includes('error'));
    expect([checked.stdout, ours]).toEqual(['', []]);
  });
});

describe('a control plane without --metrics-listen', () => {
  it('serves no metrics anywhere', async () => {
    const quiet = await World.start();
    expect(quiet.controlPlane.metricsUrl).toBeUndefined();
    expect((await quiet.rest('GET', '/metrics')).status).toBe(404);
    await quiet.close();
  });
});
