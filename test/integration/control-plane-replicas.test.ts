import { mkdtemp, rm } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { EvidenceSubject } from '../../proto/gen/sidekey/v1/proxy.ts';
import { billingResources, resource, TestCluster, TestControlPlane } from '../support/control-plane/control-plane.ts';
import { hasPostgres, startPostgres, type TestPostgres } from '../support/control-plane/postgres.ts';
import { RawProxy, reasonOf } from '../support/agents/raw-proxy.ts';

const QUESTION = {
  destination: { scheme: 'https', host: 'api.example.com', port: 443 },
  http: { method: 'GET', path: '/v1/items', query: '', headers: [], inspected: undefined },
};

describe('a control plane that starts again', () => {
  it('keeps sessions, secrets, revocations and the authority', async () => {
    const cluster = new TestCluster();
    const first = await TestControlPlane.start({ inMemory: false });
    await first.rest('POST', '/v1/apply', { resources: billingResources(cluster) });
    const before = new RawProxy(first.running.grpcAddress, first.running.caPem);
    await before.attest(await cluster.token('prod', 'billing'), { wantCertificateAuthority: true });
    const revoked = new RawProxy(first.running.grpcAddress, first.running.caPem);
    const { sessionId } = await revoked.attest(await cluster.token('prod', 'billing'));
    await first.rest('POST', '/v1/revocations', { target: 'session', name: sessionId });
    const dataDir = await first.stop();

    const second = await TestControlPlane.start({ inMemory: false, dataDir });
    expect(second.running.caPem).toBe(first.running.caPem);
    const after = new RawProxy(second.running.grpcAddress, second.running.caPem);
    const grant = await before.moveTo(after).ask(QUESTION);
    expect(grant.outcome?.$case).toBe('grant');
    const stillRevoked = new RawProxy(second.running.grpcAddress, second.running.caPem);
    const refused = await revoked
      .moveTo(stillRevoked)
      .ask(QUESTION)
      .catch((error: unknown) => error);
    expect(reasonOf(refused)).toMatch(/^session-/);
    const renewed = await after.attest(await cluster.token('prod', 'billing'), { wantCertificateAuthority: true });
    expect(renewed.certificateAuthority?.chain[1]).toEqual(before.session?.certificateAuthority?.chain[1]);
    for (const proxy of [before, revoked, after, stillRevoked]) proxy.close();
    expect([...first.errors, ...second.errors]).toEqual([]);
    await second.close();
  }, 180_000);
});

describe('local evidence', () => {
  it('makes a process of this machine a workload', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sidekey-local-'));
    const localTrustSocket = join(folder, 'evidence.sock');
    const plane = await TestControlPlane.start({ localTrustSocket });
    await plane.rest('POST', '/v1/apply', {
      resources: [
        resource('TrustProvider', 'machine', { type: 'local' }),
        resource('ClientWorkload', 'developer', {
          selectors: { all: [{ claim: 'local.uid', equals: String(process.getuid?.()) }] },
        }),
      ],
    });
    const proxy = new RawProxy(plane.running.grpcAddress, plane.running.caPem);
    const token = await askSocket(localTrustSocket, proxy.proofs.publicKeyDer);
    const evidence = [{ kind: 'local', token: Buffer.from(token), subject: EvidenceSubject.EVIDENCE_SUBJECT_WORKLOAD }];
    expect(await proxy.attest(token, { evidence })).toMatchObject({ workloads: ['developer'] });
    const thief = new RawProxy(plane.running.grpcAddress, plane.running.caPem);
    expect(reasonOf(await thief.attest(token, { evidence }).catch((error: unknown) => error))).toMatch(/^evidence-/);
    proxy.close();
    thief.close();
    await plane.close();
    await rm(folder, { recursive: true, force: true });
  }, 180_000);
});

describe.skipIf(!hasPostgres)('two replicas on one PostgreSQL', () => {
  let server: TestPostgres;
  let a: TestControlPlane;
  let b: TestControlPlane;
  const cluster = new TestCluster();

  beforeAll(async () => {
    server = await startPostgres();
    const databaseUrl = await server.createDatabase();
    const folder = await mkdtemp(join(tmpdir(), 'sidekey-replicas-'));
    const sealingKeyFile = join(folder, 'a', 'sealing-key');
    a = await TestControlPlane.start({ inMemory: false, databaseUrl, dataDir: join(folder, 'a') });
    b = await TestControlPlane.start({ inMemory: false, databaseUrl, sealingKeyFile, dataDir: join(folder, 'b') });
    await a.rest('POST', '/v1/apply', { resources: billingResources(await cluster) });
  }, 180_000);
  afterAll(async () => {
    await a.close();
    await b.close();
    await server.stop();
  });

  it('take a proof once between them', async () => {
    const atA = new RawProxy(a.running.grpcAddress, a.running.caPem);
    await vi.waitFor(async () => atA.attest(await (await cluster).token('prod', 'billing')), 5_000);
    const atB = atA.moveTo(new RawProxy(b.running.grpcAddress, b.running.caPem));
    const metadata = atA.metadata('authorize');
    expect((await atA.ask(QUESTION, metadata)).outcome?.$case).toBe('grant');
    expect(reasonOf(await atB.ask(QUESTION, metadata).catch((error: unknown) => error))).toBe('proof-replayed');
    expect((await atB.ask(QUESTION)).outcome?.$case).toBe('grant');
    atA.close();
    atB.close();
  }, 30_000);

  it('share sessions, and one hears at once what was revoked at the other', async () => {
    const atA = new RawProxy(a.running.grpcAddress, a.running.caPem);
    await vi.waitFor(async () => atA.attest(await (await cluster).token('prod', 'billing')), 5_000);
    const atB = atA.moveTo(new RawProxy(b.running.grpcAddress, b.running.caPem));
    expect((await atB.ask(QUESTION)).outcome?.$case).toBe('grant');
    const { ended, events } = atB.watch();
    await vi.waitFor(() => expect(events.length).toBeGreaterThan(0), 5_000);
    const before = Date.now();
    await a.rest('POST', '/v1/revocations', { target: 'workload', name: 'billing' });
    expect(reasonOf(await ended)).toBe('workload-revoked');
    expect(Date.now() - before).toBeLessThan(10_000);
    atA.close();
    atB.close();
    expect([...a.errors, ...b.errors]).toEqual([]);
  }, 30_000);
});

function askSocket(path: string, proxyKey: Buffer): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = createConnection(path, () => {
      socket.write(`${JSON.stringify({ proxy_key: proxyKey.toString('base64url') })}\n`);
    });
    let text = '';
    socket.on('data', (chunk) => (text += chunk.toString()));
    socket.on('error', reject);
    socket.on('end', () => resolve(String((JSON.parse(text) as { token?: unknown }).token)));
  });
}
