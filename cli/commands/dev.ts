import { join } from 'node:path';
import { Option, type Command } from 'commander';
import { parseControlPlaneConfig } from '../../control-plane/config.ts';
import { formatAuthority } from '../../common/net/host.ts';
import type { ProxyConfig } from '../../proxy/config.ts';
import type { Proxy } from '../../proxy/main.ts';
import { readContext } from '../context.ts';
import { contextFile, type SavedContext } from '../saved-context.ts';
import { createDevIdentity, type DevIdentity } from '../dev-identity.ts';
import { applyDocuments, readDocuments, type SourceDocument } from '../documents.ts';
import { devFolder, localAuthorityFile, publishProxy } from '../proxy/local-proxy.ts';
import { harden } from '../harden.ts';
import { paint } from '../paint.ts';
import { callersByDefault, parseUid } from '../proxy/mode-options.ts';
import { collectWords, parseListen } from '../proxy/proxy-options.ts';
import { startReadyProxy } from '../proxy/ready-proxy.ts';
import { type RestClient, withClient } from '../rest-client.ts';
import { readAuthorities, readText } from '../../common/text-file.ts';
import { addUpstreamProxyOptions, readUpstreamProxy, type UpstreamProxyOptions } from '../proxy/upstream-proxy.ts';
import { waitForSignal } from '../shutdown.ts';
import { startWithContext } from '../start-control-plane.ts';

const DRAIN_MS = 5_000;

interface DevOptions extends UpstreamProxyOptions {
  readonly listen: string;
  readonly grpcListen: string;
  readonly restListen: string;
  readonly file?: readonly string[];
  readonly upstreamCa?: string;
  readonly unrouted: 'deny' | 'tunnel' | 'observe';
  readonly allowUid?: readonly string[];
}

type DevProxyOptions = Pick<DevOptions, 'upstreamCa' | 'unrouted'> & {
  readonly allowUids: readonly number[];
  readonly listen: ProxyConfig['listen'];
  readonly upstreamProxy: ProxyConfig['upstreamProxy'];
};

export function define(command: Command): void {
  addUpstreamProxyOptions(command)
    .option('--listen <host:port>', 'where the proxy listens', '127.0.0.1:8080')
    .option('--grpc-listen <host:port>', 'where the control plane listens for proxies', '127.0.0.1:7443')
    .option('--rest-listen <host:port>', 'where the control plane listens for people and tools', '127.0.0.1:7444')
    .option('-f, --file <path...>', 'apply these resources at the start')
    .option('--upstream-ca <file>', "authorities to trust upstream beside the system's, PEM")
    .addOption(
      new Option('--unrouted <way>', 'what happens to hosts without a route')
        .choices(['deny', 'tunnel', 'observe'])
        .default('deny'),
    )
    .addOption(
      new Option('--allow-uid <uid...>', 'processes of these users may use the proxy too, beside your own')
        .env('SIDEKEY_ALLOW_UID')
        .argParser(collectWords),
    )
    .addHelpText(
      'after',
      `
State is kept in ~/.sidekey (or SIDEKEY_HOME). Commands that \`sidekey run\` starts are the client workload "developer".

Example:
  sidekey dev -f examples/policies/github.yaml
  sidekey run -- curl https://api.github.com/user      # in another terminal`,
    )
    .action(dev);
}

async function dev(options: DevOptions): Promise<void> {
  await harden();
  const folder = devFolder();
  const { grpcListen, restListen } = options;
  // What is wrong with it shows before anything is started.
  const listen = parseListen(options.listen, '--listen');
  const upstreamProxy = readUpstreamProxy(options, listen);
  const allowUids = (options.allowUid ?? []).map((text) => parseUid(text, '--allow-uid'));
  const config = parseControlPlaneConfig({ dataDir: join(folder, 'control-plane'), grpcListen, restListen }, {});
  const documents = await readDocuments(options.file ?? []);
  const { controlPlane, context } = await startWithContext(config, contextFile(), [listen]);
  const identity = createDevIdentity();
  await withClient(readContext(context), (client) => applyAtStart(client, identity, documents));
  const proxy = await startDevProxy({ ...options, listen, upstreamProxy, allowUids }, context, identity, folder);
  const url = `http://${formatAuthority(proxy.address.host, proxy.address.port)}`;
  const stopPublishing = publishProxy(proxy, folder);
  console.error(`${paint('green', 'sidekey is up', process.stderr)}: proxy ${url}, control plane ${context.server}`);
  console.error('Ctrl-C ends it. In another terminal, allow a host and call it:');
  console.error('  GITHUB_PAT=... sidekey apply -f examples/policies/github.yaml');
  console.error('  sidekey run -- curl https://api.github.com/user');
  await waitForSignal();
  stopPublishing();
  await proxy.close(DRAIN_MS);
  await controlPlane.close();
}

/** Our own resources first, so that the files may refer to the client workload `developer`. */
async function applyAtStart(
  client: RestClient,
  { resources }: DevIdentity,
  documents: readonly SourceDocument[],
): Promise<void> {
  await client.call('POST', '/v1/apply', { body: { resources } });
  if (documents.length > 0) await applyDocuments(client, documents, { prune: false, dryRun: false });
}

/** The proxy speaks to the control plane in this process as it would to any other: gRPC over TLS. */
function startDevProxy(
  options: DevProxyOptions,
  context: SavedContext,
  identity: DevIdentity,
  folder: string,
): Promise<Proxy> {
  const { listen, upstreamCa, upstreamProxy } = options;
  return startReadyProxy({
    controlPlane: { address: context.grpc, caPem: readText(context.caFile, 'control plane'), tenant: context.tenant },
    evidence: () => identity.evidence(),
    listen,
    authority: 'local',
    caFile: localAuthorityFile(folder),
    unrouted: options.unrouted,
    spoolDir: join(folder, 'spool'),
    logLevel: 'warn',
    ...callersByDefault(options.allowUids),
    ...(upstreamProxy === undefined ? {} : { upstreamProxy }),
    ...(upstreamCa === undefined
      ? {}
      : { upstreamCaPem: readAuthorities(upstreamCa, '--upstream-ca'), trustFiles: { upstream: upstreamCa } }),
  });
}
