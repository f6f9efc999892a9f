// Everything that the demonstration needs, running: services, control plane, policy, proxy.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeCertificates } from './certificates.mjs';
import { makeCluster } from './cluster.mjs';
import { runSidekey, startSidekey } from './processes.mjs';
import { makeResources } from './resources.mjs';
import { startServices } from './services.mjs';

/** Starts it all, keeping its files in `folder`, and applies the policy. */
export async function startWorld(folder) {
  const file = (name) => join(folder, name);
  const [certificates, cluster] = await Promise.all([makeCertificates(), makeCluster()]);
  const services = await startServices(certificates);
  writeFileSync(file('api-ca.pem'), certificates.caPem);
  writeFileSync(file('identity-token'), await cluster.makeToken());
  writeFileSync(file('resources.yaml'), makeResources({ cluster, services, certificates }));
  for (const name of ['control-plane', 'proxy', 'home']) mkdirSync(file(name));
  const base = { PATH: process.env['PATH'], HOME: file('home'), SIDEKEY_HOME: file('home') };
  const world = {
    services,
    file,
    apiUrl: services.url,
    apiCaFile: file('api-ca.pem'),
    proxyCaFile: file('proxy/authority.pem'),
    // The agent has no access to Sidekey's own settings.
    agentEnv: { PATH: process.env['PATH'], HOME: file('home') },
    adminEnv: { ...base, DEMO_CLIENT_SECRET: services.client.secret },
    sidekey: (...args) => runSidekey(args, world.adminEnv),
    liftRevocations: () => world.sidekey('revoke', 'workload', 'support-agent', '--lift'),
    instructions: () => instructions(world),
  };
  await startControlPlane(world, base);
  await succeed(world.sidekey('apply', '-f', file('resources.yaml')));
  await startProxy(world, base);
  return world;
}

async function startControlPlane(world, env) {
  const contextFile = world.file('home/context.json');
  await startSidekey(
    [
      'control-plane',
      '--data-dir',
      world.file('control-plane'),
      '--grpc-listen',
      '127.0.0.1:0',
      '--rest-listen',
      '127.0.0.1:0',
      '--context-file',
      contextFile,
    ],
    { env, ready: () => existsSync(contextFile) },
  );
  world.context = JSON.parse(readFileSync(contextFile, 'utf8'));
}

async function startProxy(world, env) {
  const addressFile = world.file('proxy/address');
  await startSidekey(
    [
      ['proxy', '--control-plane', world.context.grpc, '--control-plane-ca', world.context.caFile],
      ['--evidence', `kubernetes=${world.file('identity-token')}`, '--authority', 'issued'],
      ['--listen', '127.0.0.1:0', '--address-file', addressFile, '--ca-file', world.proxyCaFile],
      ['--spool-dir', world.file('proxy/spool'), '--log-level', 'warn'],
    ].flat(),
    { env, ready: () => existsSync(addressFile) && existsSync(world.proxyCaFile) },
  );
  world.proxyUrl = `http://${readFileSync(addressFile, 'utf8').trim()}`;
}

async function succeed(running) {
  const { code, stdout, stderr } = await running;
  if (code !== 0) throw new Error(`exit code ${code}: ${(stderr || stdout).trim()}`);
  return stdout;
}

function instructions(world) {
  const sidekey = `SIDEKEY_HOME=${world.file('home')} node dist/sidekey.js`;
  return [
    `export https_proxy=${world.proxyUrl} no_proxy= NO_PROXY= CURL_CA_BUNDLE=${world.proxyCaFile}`,
    `curl ${world.apiUrl}/v1/items              # 200: Sidekey puts the token in`,
    `curl -X DELETE ${world.apiUrl}/v1/items    # 403: not in the policy`,
    `${sidekey} logs --follow`,
    `${sidekey} explain --workload support-agent --url ${world.apiUrl}/v1/items --method DELETE`,
    `${sidekey} revoke workload support-agent`,
  ];
}
