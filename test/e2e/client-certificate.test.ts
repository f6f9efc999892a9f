import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createRootAuthority, issueLeaf, publicKeySpki, type SigningAuthority } from '../../common/x509/authority.ts';
import { createSigningKey } from '../../common/signing-key.ts';
import { toPem } from '../../common/x509/certificate.ts';
import { ask } from '../support/agents/http2-agent.ts';
import { type MutualTlsServer, startMutualTls, startOpensslServer } from '../support/upstreams/mutual-tls-server.ts';
import { runProcess } from '../support/process.ts';
import { http2Session } from '../support/agents/proxied-agent.ts';
import { World } from '../support/worlds/world.ts';
import { LOOPBACK } from '../support/worlds/world-policy.ts';

/**
 * The agents are curl and Node, the servers Node's own. Client certificates are held by a real control plane; which one is
 * presented depends on the path.
 */
const root = createRootAuthority('mtls root');
const HOUR_MS = 3_600_000;
const NAMES = ['alice', 'bob', 'stranger', 'expired', 'nobody'] as const;
let world: World;
let servers: Record<'h2' | 'http/1.1', MutualTlsServer>;
let openssl: { readonly port: number; close(): void };

/** A client certificate and its key in one PEM text, as a credential provider holds it; by default good for an hour. */
function clientIdentity(
  root: SigningAuthority,
  name: string,
  times: { readonly now?: number; readonly notAfter?: number } = {},
): string {
  const key = createSigningKey();
  const now = times.now ?? Date.now();
  const leaf = issueLeaf(root, {
    publicKeySpki: publicKeySpki(key),
    hosts: [`${name}.test`],
    name,
    usages: ['clientAuth'],
    now,
    notAfter: times.notAfter ?? now + 3_600_000,
  });
  return toPem(leaf) + key.export({ type: 'pkcs8', format: 'pem' }).toString();
}

beforeAll(async () => {
  servers = { h2: await startMutualTls(root, 'h2'), 'http/1.1': await startMutualTls(root, 'http/1.1') };
  openssl = await startOpensslServer(root);
  world = await World.start();
  const now = Date.now();
  const identities = {
    alice: clientIdentity(root, 'alice'),
    bob: clientIdentity(root, 'bob'),
    stranger: clientIdentity(createRootAuthority('another root'), 'stranger'),
    expired: clientIdentity(root, 'expired', { now: now - 2 * HOUR_MS, notAfter: now - HOUR_MS }),
  };
  await world.apply(
    [
      'ServerWorkload',
      'mtls',
      {
        hosts: ['localhost'],
        ports: [...Object.values(servers), openssl].map(({ port }) => port),
        tls: { mode: 'verify', ca: toPem(root.certificateDer) },
        allowedAddresses: LOOPBACK,
      },
    ],
    ...Object.entries(identities).map(
      ([name, value]) => ['CredentialProvider', `${name}-identity`, { type: 'static', secret: { value } }] as const,
    ),
    ...NAMES.map(
      (name) =>
        [
          'AccessPolicy',
          `as-${name}`,
          {
            clientWorkload: 'agent',
            serverWorkload: 'mtls',
            rules: [{ methods: ['GET'], paths: [`/${name}/**`] }],
            credentials:
              name === 'nobody' ? [] : [{ provider: `${name}-identity`, inject: { type: 'client-certificate' } }],
          },
        ] as const,
    ),
  );
}, 180_000);
afterAll(async () => {
  await world.close();
  for (const server of [...Object.values(servers), openssl]) server.close();
});

async function curl(
  agent: '--http1.1' | '--http2',
  url: string,
): Promise<{ status: string; body: string; version: string }> {
  const { stdout } = await runProcess(
    [
      'curl',
      '-sS',
      '--max-time',
      '20',
      agent,
      '--proxy',
      world.proxyUrl,
      '--cacert',
      world.proxyCaFile,
      '-w',
      '\n%{http_code} %{http_version}',
      url,
    ],
    { PATH: process.env['PATH'] },
  );
  const [status = '', version = ''] = stdout.slice(stdout.lastIndexOf('\n') + 1).split(' ');
  return { status, version, body: stdout.slice(0, stdout.lastIndexOf('\n')) };
}

const MIXES = (['--http1.1', '--http2'] as const).flatMap((agent) =>
  (['http/1.1', 'h2'] as const).map((upstream) => [agent, upstream] as const),
);

describe.each(MIXES)('curl %s to a server that speaks %s', (agent, upstream) => {
  const url = (path: string): string => `https://localhost:${servers[upstream].port}${path}`;

  test('the server sees the certificate that policy chose', async () => {
    for (const name of ['alice', 'bob', 'alice']) {
      const answer = await curl(agent, url(`/${name}/1`));
      expect([answer.status, answer.body]).toEqual(['200', name]);
      expect(answer.version).toBe(agent === '--http2' ? '2' : '1.1');
    }
  });

  test.each(['stranger', 'nobody'])('%s is refused, and the answer says how', async (name) => {
    const { status, body } = await curl(agent, url(`/${name}/1`));
    // Node ends the connection of a certificate that it does not trust without a word.
    const expected = {
      stranger: ['upstream-closed', /after it was shown a client certificate: it may not accept it/],
      nobody: ['upstream-tls-failed', /refused our side of TLS: certificate required/],
    }[name];
    expect([status, JSON.parse(body).code]).toEqual(['502', expected?.[0]]);
    expect(JSON.parse(body).detail).toMatch(expected?.[1] ?? '');
    expect(servers[upstream].seen.filter((line) => !/^(alice|bob) /.test(line))).toEqual([]);
  });

  test('an expired certificate is not presented', async () => {
    const before = servers[upstream].connections();
    const { status, body } = await curl(agent, url('/expired/1'));
    expect([status, JSON.parse(body).code]).toEqual(['503', 'credential-unavailable']);
    expect(body).toContain('expired');
    expect(servers[upstream].connections()).toBe(before);
  });
});

test.each([
  ['stranger', /refused our side of TLS: unknown ca/],
  ['nobody', /refused our side of TLS: certificate required/],
])('openssl says why it refuses %s, and so does the answer', async (name, words) => {
  const { status, body } = await curl('--http1.1', `https://localhost:${openssl.port}/${name}/1`);
  expect([status, JSON.parse(body).code]).toEqual(['502', 'upstream-tls-failed']);
  expect(JSON.parse(body).detail).toMatch(words);
});

test('calls of two identities at once share connections only among their own', async () => {
  const { port, connections, seen } = servers.h2;
  const agent = await http2Session(
    { port: world.proxy.address.port, caPem: world.proxy.caPem ?? '' },
    'localhost',
    port,
  );
  const before = connections();
  const from = seen.length;
  const names = Array.from({ length: 40 }, (_, at) => (at % 2 === 0 ? 'alice' : 'bob'));
  const answers = await Promise.all(names.map((name, at) => ask(agent, { ':path': `/${name}/${at}` })));
  expect(answers.map(({ body }) => body.toString())).toEqual(names);
  expect([...seen.slice(from)].sort()).toEqual(names.map((name, at) => `${name} /${name}/${at}`).sort());
  // Those of the tests before may still stand; never more than one for each name is new.
  expect(connections() - before).toBeLessThanOrEqual(2);
  agent.destroy();
});
