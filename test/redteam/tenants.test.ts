import { once } from 'node:events';
import tls from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { WatchEvent } from '../../proto/gen/sidekey/v1/proxy.ts';
import { RawProxy } from '../support/agents/raw-proxy.ts';
import { billingResources, resource, TestCluster } from '../support/control-plane/control-plane.ts';
import { decisionChain } from '../support/control-plane/decision-chain.ts';
import { hasPostgres } from '../support/control-plane/postgres.ts';
import {
  type Engine,
  startTenantedPlane,
  type TenantAdministrator,
  type TenantedPlane,
} from '../support/control-plane/tenanted-plane.ts';
import { QUESTION } from '../support/worlds/billing-plane.ts';

// Two tenants of one control plane. Acme attacks, by its administrator and its proxy; whatever is called canary is globex's.

const ENGINES: readonly Engine[] = hasPostgres ? ['pglite', 'postgresql'] : ['pglite'];
/** The same run of the proxy in both, so that neither learns that the other has one. */
const INSTANCE = 'instance-of-both-tenants';
const FLOOD = 24;
const RESOURCES = 300;

describe.each(ENGINES)('two tenants on %s', (engine) => {
  let tenanted: TenantedPlane;
  let acme: TenantAdministrator;
  let globex: TenantAdministrator;
  const clusters: Record<string, TestCluster> = {};
  const opened: RawProxy[] = [];
  beforeAll(async () => {
    tenanted = await startTenantedPlane(engine, ['acme', 'globex']);
    acme = await tenanted.administratorOf('acme');
    globex = await tenanted.administratorOf('globex');
    for (const [tenant, admin] of Object.entries({ acme, globex })) {
      const cluster = new TestCluster();
      clusters[tenant] = cluster;
      const { status } = await admin.call('POST', '/v1/apply', { resources: billingResources(cluster) });
      expect(status).toBe(200);
    }
  }, 180_000);
  afterAll(async () => {
    for (const proxy of opened) proxy.close();
    await tenanted.close();
  });

  async function attested(tenant: string, evidenceOf = tenant, instanceId = INSTANCE): Promise<RawProxy> {
    const { grpcAddress, caPem } = tenanted.plane.running;
    const proxy = new RawProxy(grpcAddress, caPem);
    opened.push(proxy);
    const token = (await clusters[evidenceOf]?.token('prod', 'billing')) ?? '';
    await proxy.attest(token, { tenant, instanceId, wantCertificateAuthority: true });
    return proxy;
  }

  /** All that acme can find out, with what it may guess of globex. */
  async function acmeIsTold(proxy: RawProxy, guessed: { session: string; revocation: string }): Promise<string[]> {
    const asked: Parameters<TenantAdministrator['call']>[] = [
      ['GET', '/v1/resources'],
      ['GET', '/v1/resources/Tenant'],
      ['GET', '/v1/resources/Tenant/globex'],
      ['GET', '/v1/resources/AccessPolicy/canary'],
      ['DELETE', '/v1/resources/AccessPolicy/canary'],
      ['GET', '/v1/decisions?limit=1000'],
      ['GET', '/v1/decisions?after=0'],
      ['GET', `/v1/decisions?session=${guessed.session}`],
      ['GET', `/v1/decisions?instance=${INSTANCE}`],
      ['GET', '/v1/verify-log'],
      ['GET', `/v1/verify-log?instance=${INSTANCE}`],
      ['GET', '/v1/revocations?all=true'],
      ['GET', '/v1/sessions?all=true'],
      ['GET', '/v1/placeholders?workload=billing'],
      ['GET', '/v1/placeholders?workload=canary'],
      ['POST', '/v1/explain', { workload: 'billing', url: 'https://canary.example.com/' }],
      ['POST', '/v1/explain', { workload: 'canary', url: 'https://canary.example.com/' }],
      ['POST', '/v1/revocations', { target: 'session', name: guessed.session }],
      ['DELETE', `/v1/revocations/${guessed.revocation}`],
      ['DELETE', '/v1/revocations', { target: 'user', name: 'canary' }],
      [
        'POST',
        '/v1/apply',
        {
          dryRun: true,
          resources: [resource('AccessPolicy', 'x', { clientWorkload: 'canary', serverWorkload: 'canary' })],
        },
      ],
      [
        'POST',
        '/v1/apply',
        { dryRun: true, resources: [resource('ServerWorkload', 'canary', { hosts: ['a.example.com'] })] },
      ],
      ['GET', '/tenants/globex/.well-known/openid-configuration'],
      ['GET', '/.well-known/jwks.json'],
    ];
    const told: string[] = [];
    for (const [method, path, body] of asked) {
      const { status, text } = await acme.call(method, path, body);
      told.push(`${method} ${path}: ${status} ${text}`);
    }
    const { outcome } = await proxy.ask({
      ...QUESTION,
      destination: { scheme: 'https', host: 'canary.example.com', port: 443 },
    });
    told.push(JSON.stringify(outcome));
    return told;
  }

  /** Everything that a tenant can have happen. */
  async function globexDoes(instance: string): Promise<{ session: string; revocation: string }> {
    const applied = await globex.call('POST', '/v1/apply', {
      resources: [
        resource('ClientWorkload', 'canary', {
          selectors: { all: [{ claim: 'kubernetes.namespace', equals: 'canary' }] },
        }),
        resource('ServerWorkload', 'canary', { hosts: ['canary.example.com'] }),
        resource('AccessCondition', 'canary', { type: 'cel', expression: 'tenant == "canary"' }),
        resource('AccessPolicy', 'canary', {
          clientWorkload: 'canary',
          serverWorkload: 'canary',
          conditions: ['canary'],
        }),
      ],
    });
    expect(applied.status, applied.text).toBe(200);
    const proxy = await attested('globex', 'globex', instance);
    const watch = proxy.watch();
    await expect.poll(() => watch.events.length, { timeout: 10_000 }).toBeGreaterThan(0);
    expect((await proxy.ask(QUESTION)).outcome?.$case).toBe('grant');
    const session = proxy.session?.sessionId ?? '';
    await proxy.report(decisionChain(instance, 20, { sessionId: session, workloads: ['billing'], path: '/canary' }));
    const revoked = await globex.call('POST', '/v1/revocations', { target: 'user', name: 'canary', reason: 'canary' });
    expect(revoked.status, revoked.text).toBe(201);
    expect((await globex.call('DELETE', '/v1/resources/AccessPolicy/canary')).status).toBe(204);
    await expect.poll(() => kinds(watch.events), { timeout: 10_000 }).toContain('snapshot snapshot');
    watch.cancel();
    return { session, revocation: (JSON.parse(revoked.text) as { id: string }).id };
  }

  function kinds(events: readonly WatchEvent[]): string {
    return events
      .flatMap(({ kind }) => (kind?.$case === 'heartbeat' || kind === undefined ? [] : kind.$case))
      .join(' ');
  }

  test('A-74 nothing that a tenant does changes anything that another is told', async () => {
    const guessed = await globexDoes(INSTANCE);
    const proxy = await attested('acme');
    const watch = proxy.watch();
    const log = await acme.follow('/v1/decisions?follow=true');
    await proxy.report(
      decisionChain(INSTANCE, 2, { sessionId: proxy.session?.sessionId ?? '', workloads: ['billing'] }),
    );
    await expect.poll(() => log.text().trim().split('\n').length, { timeout: 10_000 }).toBe(2);
    const before = await acmeIsTold(proxy, guessed);
    expect(before.join('\n')).toMatch(/instance-of-both-tenants/);
    const lines = log.text();
    const seen = kinds(watch.events);
    await globexDoes('another-instance-of-globex');
    expect(await acmeIsTold(proxy, guessed)).toEqual(before);
    expect(log.text().trim()).toBe(lines.trim());
    expect(kinds(watch.events)).toBe(seen);
    expect(seen).toBe('snapshot');
    // Beside what it asked itself.
    const answers = before.map((line) => line.replace(/^\w+ \S+: /, ''));
    expect(
      answers.filter((answer) =>
        /canary/.test(answer.replaceAll(/"canary[^"]*"|\\"canary\\"|canary\.example\.com(:443)?/g, '')),
      ),
    ).toEqual([]);
    watch.cancel();
    log.stop();
  }, 120_000);

  test('A-74 who has no evidence of a tenant is told as much of it as of one that is not there', async () => {
    const stranger = new TestCluster();
    Object.defineProperty(stranger, 'issuer', { value: 'https://stranger.test' });
    clusters['stranger'] = stranger;
    const refusals = await Promise.all(
      ['globex', 'nowhere'].map((tenant) => attested(tenant, 'stranger').then(() => 'let in', String)),
    );
    expect(refusals[0]).toMatch(/no trust provider accepts this evidence/);
    expect(refusals[1]).toBe(refusals[0]);
    const told = await Promise.all(
      ['globex', 'nowhere'].map(async (tenant) => {
        const answers = await Promise.all([
          acme.call('GET', '/v1/resources', undefined, tenant),
          acme.call('POST', '/v1/apply', { resources: [] }, tenant),
          acme.call('POST', '/v1/revocations', { target: 'tenant', name: tenant }, tenant),
          acme.call('POST', '/v1/revocations', { target: 'tenant', name: tenant }),
          acme.call('GET', `/v1/resources/Tenant/${tenant}`),
          acme.call('DELETE', `/v1/resources/Tenant/${tenant}`),
          acme.call('GET', `/tenants/${tenant}/.well-known/openid-configuration`),
        ]);
        return answers.map(({ status, text }) => `${status} ${text.replaceAll(tenant, '')}`);
      }),
    );
    expect(told[1]).toEqual(told[0]);
    expect(told[0]?.map((answer) => answer.slice(0, 3))).toEqual(['403', '403', '403', '400', '404', '403', '200']);
  });

  test('A-53 a tenant that applies without end keeps no other waiting', async () => {
    const proxy = await attested('globex');
    let answered = 0;
    const flood = Array.from({ length: FLOOD }, async (_, turn) => {
      const resources = Array.from({ length: RESOURCES }, (__, at) =>
        resource('AccessCondition', `c${at}`, { type: 'cel', expression: `tenant != "${turn} ${at}"` }),
      );
      const { status, text } = await acme.call('POST', '/v1/apply', { resources });
      answered += 1;
      return `${status} ${status === 200 ? '' : text}`;
    });
    await Promise.race(flood);
    const from = answered;
    const calls = [
      globex.call('POST', '/v1/revocations', { target: 'user', name: 'somebody' }).then(({ status }) => status),
      globex.call('GET', '/v1/sessions').then(({ status }) => status),
      attested('globex').then(() => 200),
      proxy.ask({ ...QUESTION, deadlineMs: 30_000 }).then(({ outcome }) => outcome?.$case),
    ];
    expect(await Promise.all(calls)).toEqual([201, 200, 200, 'grant']);
    const meanwhile = answered - from;
    expect(new Set(await Promise.all(flood))).toEqual(new Set(['200 ']));
    expect(meanwhile).toBeLessThan(FLOOD / 2);
  }, 180_000);

  test('A-53 calls that are given up, and readers of the log, take no turns of their tenant', async () => {
    const url = new URL(tenanted.plane.running.restUrl);
    const head = `POST /v1/apply HTTP/1.1\r\nHost: ${url.host}\r\nAuthorization: ${acme.authorization}\r\nSidekey-Tenant: acme\r\n`;
    const sockets: tls.TLSSocket[] = [];
    while (sockets.length < 12) {
      const { caPem } = tenanted.plane.running;
      const socket = tls.connect({ host: url.hostname, port: Number(url.port), ca: caPem, servername: 'localhost' });
      socket.on('error', () => {});
      await once(socket, 'secureConnect');
      socket.write(`${head}Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"resources": [`);
      sockets.push(socket);
    }
    const logs = await Promise.all(Array.from({ length: 6 }, () => globex.follow('/v1/decisions?follow=true')));
    expect((await globex.call('GET', '/v1/sessions')).status).toBe(200);
    const waiting = acme.call('GET', '/v1/sessions');
    for (const socket of sockets) socket.destroy();
    expect((await waiting).status).toBe(200);
    const more = await Promise.all(Array.from({ length: 8 }, () => acme.call('GET', '/v1/sessions')));
    expect(more.map(({ status }) => status)).toEqual(more.map(() => 200));
    for (const log of logs) log.stop();
  }, 60_000);
});
