import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { flagsOfImage } from '../../bench/baselines/node.ts';
import { parse, parseAllDocuments } from 'yaml';
import { makeAgentEnvironment } from '../../cli/agent/agent-environment.ts';
import { COMMANDS } from '../../cli/commands.ts';
import { parseLimits } from '../../proxy/limit-settings.ts';

interface Container {
  readonly args: readonly string[];
  readonly env?: readonly { readonly name: string; readonly value: string }[];
  readonly ports?: readonly { readonly name: string; readonly containerPort: number }[];
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
  readonly securityContext: { readonly runAsUser: number };
}

interface Volume {
  readonly name: string;
  readonly emptyDir?: { readonly sizeLimit?: string };
}

interface AgentPod {
  readonly serviceAccountName: string;
  readonly terminationGracePeriodSeconds: number;
  readonly initContainers: readonly [Container];
  readonly containers: readonly [Container];
  readonly volumes: readonly Volume[];
}

interface Service {
  readonly ports: readonly { readonly name: string; readonly port: number; readonly targetPort: string }[];
}

interface ControlPlane {
  readonly selector: object;
  readonly template: { readonly metadata: object; readonly spec: { readonly containers: readonly [Container] } };
}

const text = readFileSync('deploy/kubernetes.yaml', 'utf8');
const documents = documentsOf(text);

function documentsOf(yaml: string): unknown[] {
  return parseAllDocuments(yaml).map((document): unknown => document.toJS());
}

/** The `spec` of the only document of this kind. */
function specOf<Spec>(kind: string, among = documents): Spec {
  return (among.find((found) => (found as { kind: string }).kind === kind) as { spec: Spec }).spec;
}

/** The options of a container's command, all of which it must know. */
async function optionsOf<Options extends object>(args: readonly string[], inner?: string): Promise<Options> {
  const command = new Command();
  (await COMMANDS[args[0] ?? '']?.load())?.define(command);
  const target = command.commands.find((one) => one.name() === inner) ?? command;
  const rest = args.slice(inner === undefined ? 1 : 2);
  const { unknown, operands } = target.exitOverride().parseOptions([...rest]);
  expect([...unknown, ...operands]).toEqual([]);
  return target.opts<Options>();
}

/** The manifest is not applied to a cluster here, but what it says must fit together. */
describe('the agent pod of deploy/kubernetes.yaml', async () => {
  const pod = specOf<AgentPod>('Pod');
  const [[proxy], [agent]] = [pod.initContainers, pod.containers];
  const options = await optionsOf<{
    admin: string;
    allowUid: string[];
    controlPlane: string;
    drainSeconds: string;
    limit: string[];
    spoolDir: string;
  }>(proxy.args);

  it('has a proxy that takes calls of its agent alone', () => {
    expect(proxy.args[0]).toBe('proxy');
    expect(options.allowUid).toEqual([String(agent.securityContext.runAsUser)]);
    expect(proxy.securityContext.runAsUser).not.toBe(agent.securityContext.runAsUser);
  });

  it('has room for the spool of three runs', () => {
    const { name } = proxy.volumeMounts.find(({ mountPath }) => options.spoolDir.startsWith(mountPath)) ?? {};
    const limit = pod.volumes.find((volume) => volume.name === name)?.emptyDir?.sizeLimit ?? '';
    expect(limit).toMatch(/^\d+Mi$/);
    expect(parseInt(limit, 10) * 1024 * 1024).toBeGreaterThan(
      3 * (parseLimits(options.limit).maxSpoolBytes ?? Infinity),
    );
  });

  it('keeps identity, admin socket and records out of the agent’s container', () => {
    expect(agent.volumeMounts.map(({ name }) => name)).toEqual(['trust']);
    expect(options.admin).toMatch(/^\/run\/sidekey-admin\//);
  });

  it('sets what `sidekey run` sets', () => {
    const trust = { authorityFile: 'a', bundleFile: 'b', wgetSettingsFile: 'w' };
    const { env } = makeAgentEnvironment({}, { proxyUrl: 'http://proxy', trust, remove: [], keep: [] });
    // Files that only `sidekey run` can write.
    const expected = Object.entries(env).filter(([name]) => !['WGETRC', 'NODE_OPTIONS'].includes(name));
    const given = new Map(agent.env?.map(({ name, value }) => [name, value]));
    expect([...given.keys()].sort()).toEqual(expected.map(([name]) => name).sort());
    for (const [name, value] of expected) {
      const here = { 'http://proxy': 'http://127.0.0.1:8080', '1': '1' }[value ?? ''];
      expect(given.get(name), name).toBe(here ?? '/run/sidekey-trust/authority.pem');
    }
  });

  it('gives the proxy the time that it drains for, after the agent’s own', () => {
    expect(pod.terminationGracePeriodSeconds).toBeGreaterThan(2 * Number(options.drainSeconds));
  });

  it('finds its control plane: address, ports, name in the certificate', async () => {
    const [server] = specOf<ControlPlane>('StatefulSet').template.spec.containers;
    const { serverName, grpcListen, restListen } = await optionsOf<{
      serverName: string[];
      grpcListen: string;
      restListen: string;
    }>(server.args);
    const ports = new Map(server.ports?.map(({ name, containerPort }) => [name, containerPort]));
    expect(grpcListen).toBe(`0.0.0.0:${ports.get('grpc')}`);
    expect(restListen).toBe(`0.0.0.0:${ports.get('rest')}`);
    const grpc = specOf<Service>('Service').ports.find(({ targetPort }) => targetPort === 'grpc');
    expect(options.controlPlane).toBe(`sidekey-control-plane.sidekey.svc:${grpc?.port}`);
    expect(serverName).toEqual(['sidekey-control-plane.sidekey.svc']);
  });

  it('makes every namespace and service account that it uses', () => {
    const made = (kind: string): string[] =>
      documents
        .filter((found) => (found as { kind: string }).kind === kind)
        .map((found) => (found as { metadata: { name: string } }).metadata.name);
    const used = new Set(Array.from(text.matchAll(/namespace: (\S+)/g), ([, name = '']) => name));
    expect([...used].sort()).toEqual(made('Namespace').sort());
    expect(made('ServiceAccount')).toEqual([pod.serviceAccountName]);
  });

  it('is caught by the init container of docs/kubernetes.md', async () => {
    const page = readFileSync('docs/kubernetes.md', 'utf8');
    const [, yaml = ''] = /```yaml\n(- name: sidekey-redirect[\s\S]*?)```/.exec(page) ?? [];
    const [redirect] = parse(yaml) as [Container];
    const given = await optionsOf<{ proxyUid: string; port: string }>(redirect.args, 'install');
    expect(given.proxyUid).toBe(String(proxy.securityContext.runAsUser));
    expect(page).toContain(`--transparent=${given.port}`);
    expect(readFileSync('Dockerfile', 'utf8')).toContain('nftables');
  });

  it('starts from the code cache that the image has', () => {
    const dockerfile = readFileSync('Dockerfile', 'utf8');
    const [, flags = ''] = / && node (.*) scripts\/lib\/warm-proxy\.mjs dist\/proxy\.js/.exec(dockerfile) ?? [];
    expect(flagsOfImage(dockerfile)).toEqual(flags.split(' '));
  });
});

describe('the control planes of deploy/kubernetes-replicas.yaml', async () => {
  const replicas = documentsOf(readFileSync('deploy/kubernetes-replicas.yaml', 'utf8'));
  const [one, several] = [specOf<ControlPlane>('StatefulSet'), specOf<ControlPlane>('Deployment', replicas)];
  const [[alone], [replica]] = [one.template.spec.containers, several.template.spec.containers];

  it('are found by the Service and the NetworkPolicy of the one whose place they take', () => {
    expect(several.selector).toEqual(one.selector);
    expect(several.template.metadata).toEqual(one.template.metadata);
    expect(replica.ports).toEqual(alone.ports);
    expect(specOf<ControlPlane>('PodDisruptionBudget', replicas).selector).toEqual(several.selector);
  });

  it('are the same but for their database and their certificate', async () => {
    const { serverName, ...expected } = await optionsOf<{ serverName: string[] }>(alone.args);
    const { tlsCertFile, tlsKeyFile, tlsCaFile, ...given } = await optionsOf<Record<string, string>>(replica.args);
    expect(given).toEqual(expected);
    // As cert-manager names them, in one folder.
    expect([tlsCertFile, tlsKeyFile, tlsCaFile]).toEqual(['/run/tls/tls.crt', '/run/tls/tls.key', '/run/tls/ca.crt']);
    expect(replica.volumeMounts.find(({ name }) => name === 'tls')?.mountPath).toBe('/run/tls');
    expect(replica.env?.map(({ name }) => name)).toContain('SIDEKEY_DATABASE_URL');
    // Who comes by `kubectl exec` or `port-forward` comes to these.
    const { dnsNames, ipAddresses } = specOf<{ dnsNames: string[]; ipAddresses: string[] }>('Certificate', replicas);
    expect(dnsNames).toEqual([...serverName, 'localhost']);
    expect(ipAddresses).toEqual(['127.0.0.1']);
  });
});

it('deploy/prometheus-alerts.yaml asks for metrics that are there, and for all that docs/operations.md has alerts on', () => {
  const namesIn = (written: string): string[] => [...new Set(written.match(/\b(?:sidekey|process)_[a-z_]+/g))].sort();
  const told = (file: string): string => readFileSync(file, 'utf8');
  const rules =
    told('deploy/prometheus-alerts.yaml')
      .match(/expr: .*/g)
      ?.join('\n') ?? '';
  const asked = namesIn(rules).map((name) => name.replace(/_bucket$/, ''));
  const known = namesIn(told('docs/reference/metrics.md'));
  expect(asked.filter((name) => !known.includes(name))).toEqual([]);
  const [, table = ''] = /\| worth an alert \|(.*?)\n\n/s.exec(told('docs/operations.md')) ?? [];
  const first = table.split('\n').map((row) => row.split(' | ')[0] ?? '');
  expect(namesIn(first.join('\n')).filter((name) => !asked.includes(name))).toEqual([]);
});
