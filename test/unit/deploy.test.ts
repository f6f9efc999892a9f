import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { define } from '../../cli/commands/proxy.ts';
import { parseLimits } from '../../proxy/limit-settings.ts';

interface Container {
  readonly args: readonly string[];
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
  readonly securityContext: { readonly runAsUser: number };
}

interface Volume {
  readonly name: string;
  readonly emptyDir?: { readonly sizeLimit?: string };
}

interface AgentPod {
  readonly initContainers: readonly [Container];
  readonly containers: readonly [Container];
  readonly volumes: readonly Volume[];
}

/** The manifest is not applied to a cluster here, but what it says must fit together. */
describe('the agent pod of deploy/kubernetes.yaml', () => {
  const text = readFileSync('deploy/kubernetes.yaml', 'utf8');
  const documents = parseAllDocuments(text).map((document): unknown => document.toJS());
  const pod = documents.find((found) => (found as { kind: string }).kind === 'Pod') as { spec: AgentPod };
  const { initContainers, containers, volumes } = pod.spec;
  const [[proxy], [agent]] = [initContainers, containers];
  const command = new Command();
  define(command);
  const { unknown } = command.exitOverride().parseOptions([...proxy.args.slice(1)]);
  const options = command.opts<{ admin: string; allowUid: string[]; limit: string[]; spoolDir: string }>();

  it('has options that the proxy knows', () => {
    expect(proxy.args[0]).toBe('proxy');
    expect(unknown).toEqual([]);
    expect(options.allowUid).toEqual([String(agent.securityContext.runAsUser)]);
    expect(proxy.securityContext.runAsUser).not.toBe(agent.securityContext.runAsUser);
  });

  it('has room for the spool of three runs', () => {
    const { name } = proxy.volumeMounts.find(({ mountPath }) => options.spoolDir.startsWith(mountPath)) ?? {};
    const limit = volumes.find((volume) => volume.name === name)?.emptyDir?.sizeLimit ?? '';
    expect(limit).toMatch(/^\d+Mi$/);
    expect(parseInt(limit, 10) * 1024 * 1024).toBeGreaterThan(
      3 * (parseLimits(options.limit).maxSpoolBytes ?? Infinity),
    );
  });

  it('keeps identity, admin socket and records out of the agent’s container', () => {
    expect(agent.volumeMounts.map(({ name }) => name)).toEqual(['trust']);
    expect(options.admin).toMatch(/^\/run\/sidekey-admin\//);
  });

  it('makes every namespace that it uses', () => {
    const used = new Set(Array.from(text.matchAll(/namespace: (\S+)/g), ([, name]) => name));
    expect(used).toEqual(new Set(['sidekey', 'agents']));
    for (const name of used) expect(text).toContain(`kubectl create namespace ${name}`);
  });
});
