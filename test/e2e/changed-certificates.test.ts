import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { get, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { restCall } from '../support/control-plane/rest-call.ts';
import { TokenIssuer } from '../support/control-plane/token-issuer.ts';
import { runProcess } from '../support/process.ts';
import { type Service, startService } from '../support/service.ts';
import { makeTlsIdentity } from '../support/tls-identity.ts';
import { type BreakableRelay, startBreakableRelay } from '../support/upstreams/breakable-relay.ts';
import { until } from '../support/until.ts';
import { makeResource } from '../support/worlds/world-policy.ts';

const WAIT_MS = 60_000;
const identity = () => makeTlsIdentity(['localhost', '127.0.0.1']);

let folder: string;
const services: Service[] = [];
let relay: BreakableRelay | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sidekey-changed-'));
});
afterEach(async () => {
  await Promise.all(services.splice(0).map((service) => service.end('SIGTERM')));
  await relay?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** As the kubelet keeps a mounted secret: links lead through `..data`, which is swapped for that of another folder. */
function mount(name: string, files: Readonly<Record<string, string>>): void {
  const at = join(folder, name);
  const data = `..${crypto.randomUUID()}`;
  mkdirSync(join(at, data), { recursive: true });
  for (const [file, content] of Object.entries(files)) {
    writeFileSync(join(at, data, file), content);
    if (!existsSync(join(at, file))) symlinkSync(join('..data', file), join(at, file));
  }
  symlinkSync(data, join(at, '..data_tmp'));
  renameSync(join(at, '..data_tmp'), join(at, '..data'));
}

function mountIdentity({ cert, key, caPem }: ReturnType<typeof identity>): void {
  mount('tls', { 'tls.crt': cert, 'tls.key': key, 'ca.crt': caPem });
}

async function start(args: readonly string[], isReady: () => boolean): Promise<Service> {
  const service = await startService(args, { SIDEKEY_HOME: join(folder, 'home') }, isReady);
  services.push(service);
  return service;
}

describe.skipIf(!existsSync('dist/sidekey.js'))('certificates that change (needs dist/: npm run build)', () => {
  it('the authority of a control plane is changed while it and its proxy run', { timeout: 4 * WAIT_MS }, async () => {
    const [first, second] = [identity(), identity()];
    mountIdentity(first);
    mount('trust', { 'ca.pem': first.caPem });
    const context = join(folder, 'home/context.json');
    const listen = ['--grpc-listen', '127.0.0.1:0', '--rest-listen', '127.0.0.1:0'];
    const tls = ['--tls-cert-file', 'tls.crt', '--tls-key-file', 'tls.key', '--tls-ca-file', 'ca.crt'];
    const files = tls.map((word) => (word.startsWith('--') ? word : join(folder, 'tls', word)));
    const plane = await start(['control-plane', '--data-dir', join(folder, 'data'), ...listen, ...files], () =>
      existsSync(context),
    );
    const { grpc, server, tokenFile, caFile } = JSON.parse(readFileSync(context, 'utf8'));

    const issuer = new TokenIssuer('https://issuer.world.test');
    const place = { restUrl: server, bootstrapTokenFile: tokenFile, caPem: first.caPem };
    const trust = { type: 'oidc', issuer: issuer.issuer, audience: 'sidekey', jwks: { inline: issuer.jwks } };
    const agents = { selectors: { all: [{ claim: 'oidc.sub', equals: 'agent' }] } };
    const resources = [makeResource('TrustProvider', 'idp', trust), makeResource('ClientWorkload', 'agent', agents)];
    expect((await restCall(place, 'POST', '/v1/apply', { resources })).status).toBe(200);

    relay = await startBreakableRelay(Number(grpc.split(':').at(-1)));
    const { fronts, port } = relay;
    writeFileSync(join(folder, 'evidence'), await issuer.sign({ sub: 'agent' }, Date.now()));
    const admin = join(folder, 'admin.sock');
    const to = ['--control-plane', `localhost:${port}`, '--control-plane-ca', join(folder, 'trust/ca.pem')];
    const own = ['--evidence', `oidc=${join(folder, 'evidence')}`, '--listen', '127.0.0.1:0', '--admin', admin];
    const proxy = await start(['proxy', ...to, ...own, '--spool-dir', join(folder, 'spool')], () => existsSync(admin));
    const isConnected = async (): Promise<boolean> => {
      const [answer] = (await once(get({ socketPath: admin, path: '/metrics' }), 'response')) as [IncomingMessage];
      return /^sidekey_control_plane_connected 1$/m.test(await text(answer));
    };
    await expect.poll(isConnected, { timeout: WAIT_MS }).toBe(true);

    mount('trust', { 'ca.pem': first.caPem + second.caPem });
    await until('the proxy trusts both', () => proxy.output().includes('changed authorities are trusted'), WAIT_MS);
    mountIdentity(second);
    await until('the other one is shown', () => plane.output().includes('the changed certificate is shown'), WAIT_MS);
    expect([await isConnected(), fronts.length]).toEqual([true, 1]);
    relay.strike('resets');
    await until('it connected again', () => fronts.length > 1, WAIT_MS);
    await expect.poll(isConnected, { timeout: WAIT_MS }).toBe(true);

    expect(readFileSync(caFile, 'utf8')).toBe(second.caPem);
    const env = { PATH: process.env['PATH'], SIDEKEY_HOME: join(folder, 'home') };
    const sessions = await runProcess([process.execPath, 'dist/sidekey.js', 'get', 'sessions'], env);
    expect(sessions).toMatchObject({ code: 0, stdout: expect.stringContaining('agent') });
  });
});
