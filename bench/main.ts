import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startControlPlaneForBench } from './control-plane.ts';
import { startChild, type Child } from './child.ts';
import { connect, load, type LoadConnection, type Route } from './load.ts';
import { formatTable, type Row } from './table.ts';
import { benchPolicy, makeIdentities } from './world.ts';

/** One alternating run of every forwarder on every row. It fails on wrong answers, never on slow ones. */

const ROUNDS = Number(process.env['BENCH_ROUNDS'] ?? '3');
const SLICE_MS = Number(process.env['BENCH_SLICE_MS'] ?? '1500');
const CONNECTIONS = 16;
const RATE_PER_SECOND = 200;

interface Forwarder {
  readonly name: string;
  readonly child: Child | undefined;
  readonly caPem: string;
}

const identities = await makeIdentities();
const children: Child[] = [];
const start = async (name: string, config: unknown): Promise<Child> => {
  const child = await startChild(name, config);
  children.push(child);
  return child;
};

async function main(): Promise<void> {
  const plain = await start('upstream', {});
  const secure = await start('upstream', { tls: identities.tls });
  console.log('starting the control plane and the forwarders');
  const controlPlane = await startControlPlaneForBench(
    identities.folder,
    benchPolicy(identities.jwks, plain.port, secure.port),
  );
  const caFile = join(identities.folder, 'proxy-ca.pem');
  const common = { tls: identities.tls, upstreamCaPem: identities.caPem };
  const sidekey = await start('forwarders/sidekey', {
    controlPlane: controlPlane.connection,
    evidenceToken: identities.token,
    caFile,
    upstreamCaPem: identities.caPem,
  });
  const idle = await sidekey.usage();
  const forwarders: Forwarder[] = [
    { name: 'direct', child: undefined, caPem: identities.caPem },
    { name: 'node:http + undici', child: await start('forwarders/node-http', common), caPem: identities.caPem },
    { name: 'http-proxy', child: await start('forwarders/http-proxy', common), caPem: identities.caPem },
    { name: 'sidekey', child: sidekey, caPem: readFileSync(caFile, 'utf8') },
  ];
  const rows: Row[] = [];
  for (const https of [false, true]) {
    for (const bytes of [200, 100_000]) {
      rows.push(...(await measure(forwarders, https, bytes, https ? secure.port : plain.port)));
    }
  }
  const loaded = await sidekey.usage();
  const memory = `sidekey proxy memory: ${megabytes(idle.rssBytes)} MB idle, ${megabytes(loaded.rssBytes)} MB after the load`;
  const text = `${formatTable(rows)}\n${memory}\n`;
  console.log(text);
  mkdirSync('bench/results', { recursive: true });
  writeFileSync('bench/results/latest.txt', `node ${process.version}, ${new Date().toISOString()}\n\n${text}`);
  await controlPlane.close();
}

async function measure(forwarders: readonly Forwarder[], https: boolean, bytes: number, port: number): Promise<Row[]> {
  const rows = new Map<string, Row>();
  const opened = new Map<string, LoadConnection[]>();
  for (const forwarder of forwarders) {
    const route: Route = {
      proxyPort: forwarder.child?.port,
      upstreamPort: port,
      https,
      caPem: forwarder.caPem,
      path: forwarder.child === undefined ? `/${bytes}` : `/secret/${bytes}`,
      bytes,
    };
    opened.set(forwarder.name, await Promise.all(Array.from({ length: CONNECTIONS }, () => connect(route))));
    rows.set(forwarder.name, {
      forwarder: forwarder.name,
      protocol: https ? 'HTTPS intercepted' : 'HTTP',
      bytes,
      cpuUs: 0,
      requests: 0,
      seconds: 0,
      latenciesMs: [],
    });
  }
  for (let round = -1; round < ROUNDS; round += 1) {
    for (const { name, child } of forwarders) {
      const connections = opened.get(name) ?? [];
      const row = rows.get(name);
      if (row === undefined) continue;
      const before = await child?.usage();
      const result = await load(connections, SLICE_MS);
      const after = await child?.usage();
      const paced = await load(connections.slice(0, 4), SLICE_MS / 2, RATE_PER_SECOND);
      if (round < 0) continue; // warm-up
      row.cpuUs += (after?.cpuUs ?? 0) - (before?.cpuUs ?? 0);
      row.requests += result.requests;
      row.seconds += result.seconds;
      row.latenciesMs.push(...paced.latenciesMs);
    }
    process.stdout.write('.');
  }
  process.stdout.write('\n');
  for (const connections of opened.values()) for (const connection of connections) connection.close();
  return [...rows.values()];
}

function megabytes(bytes: number): string {
  return (bytes / 1_048_576).toFixed(0);
}

try {
  await main();
} catch (error) {
  console.error(error);
  process.exitCode = 1;
} finally {
  for (const child of children) child.stop();
  rmSync(identities.folder, { recursive: true, force: true });
}
process.exit();
