import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { COMMANDS } from '../../cli/commands.ts';
import { EXIT_CODE_HELP } from '../../cli/exit-codes.ts';
import type { MetricSet } from '../../common/metrics/metric-set.ts';
import { ControlPlaneMetrics } from '../../control-plane/metrics/control-plane-metrics.ts';
import { SECRET_ENDPOINTS } from '../../control-plane/policy/rule-pack/names.ts';
import type { ConnectionUse } from '../../control-plane/store/sql-store.ts';
import type { PolicyClient } from '../../policy-client/index.ts';
import { REASONS } from '../../proto/reasons.ts';
import { ProxyMetrics } from '../../proxy/admin/metrics.ts';
import { LIMIT_NAMES } from '../../proxy/limit-settings.ts';

/** Pages made from the code; `npx vitest run test/unit/reference.test.ts -u` writes them anew. */
describe('reference pages say what the code says', () => {
  it('docs/reference/cli.md', async () => {
    const parts = [
      '# Commands',
      '',
      'Made from the code. `sidekey COMMAND --help` prints the same, with examples.',
      '',
      '```',
      EXIT_CODE_HELP.trim(),
      '```',
      '',
    ];
    for (const [name, entry] of Object.entries(COMMANDS)) {
      const command = new Command(name).summary(entry.summary).description(entry.summary);
      (await entry.load()).define(command);
      parts.push(`## ${name}`, '', '```', helpOf(command), '```', '');
      for (const inner of command.commands)
        parts.push(`### ${name} ${inner.name()}`, '', '```', helpOf(inner), '```', '');
    }
    await expect(parts.join('\n')).toMatchFileSnapshot(page('cli.md'));
  });

  it('docs/reference/reasons.md', async () => {
    const rows = Object.entries(REASONS).map(
      ([code, { httpStatus, summary, nextStep }]) => `| \`${code}\` | ${httpStatus} | ${summary} | ${nextStep} |`,
    );
    const head = ['# Reason codes', '', 'Made from the code. Codes are stable: added, never renamed or reused.', ''];
    const table = ['| code | HTTP | what happened | what to do next |', '|---|---|---|---|', ...rows, ''];
    await expect([...head, ...table].join('\n')).toMatchFileSnapshot(page('reasons.md'));
  });

  it('docs/reference/rule-pack.md', async () => {
    const list = (values: readonly string[] = []): string => values.map((value) => `\`${value}\``).join(', ');
    const rows = Object.entries(SECRET_ENDPOINTS).map(([name, endpoint]) => {
      const { provider, hosts, methods, paths, parameters, actions, targets, secretFields, about } = endpoint;
      const where = [
        paths && list(paths),
        parameters && `parameter ${list(parameters)}`,
        actions && `Action ${list(actions)}`,
        targets && `X-Amz-Target ${list(targets)}`,
      ];
      const calls = where.filter((part) => part !== undefined).join('; ') || 'all paths';
      return `| \`${name}\` | ${about} | \`${provider}\`: ${list(hosts)} | ${list(methods) || 'all'} | ${calls} | ${list(secretFields)} |`;
    });
    const head = [
      '# Rule pack: endpoints that make or show secrets',
      '',
      'Made from the code (`control-plane/policy/rule-pack`). Denied with `secret-endpoint` under every policy that injects a credential,',
      'unless its `opens` lists the name. The masked fields are overwritten in answers unless the policy has `revealsSecrets: true`.',
      'A server workload whose `provider` is the one named here is covered at every host. Where calls are told by `X-Amz-Target`, a',
      'call of a listed host that has none is denied too, unless it is a GET without a query: services take other protocols as well.',
      'Paths of GitLab and of OAuth servers are covered with a format behind them as well, as in `/oauth/token.json`.',
      '',
      '| name | what it gives | provider and hosts | methods | calls | masked fields |',
      '|---|---|---|---|---|---|',
    ];
    await expect([...head, ...rows, ''].join('\n')).toMatchFileSnapshot(page('rule-pack.md'));
  });

  it('docs/reference/limits.md', async () => {
    const about = docsOf('proxy/limits.ts', 'proxy/protocols/http1/limits.ts');
    const groups = {
      http2: docsOf('proxy/sessions/http2/limits.ts'),
      webSocket: docsOf('proxy/protocols/websocket/limits.ts'),
    };
    const rows = LIMIT_NAMES.map(({ name, defaultValue }) => {
      const [group = '', inner] = name.split('.');
      const docs = inner === undefined ? about : groups[group as keyof typeof groups];
      return `| \`${name}\` | ${defaultValue} | ${docs.get(inner ?? group) ?? ''} |`;
    });
    const head = [
      '# Limits of the proxy',
      '',
      'Made from the code. Set them with `--limit name=value`, repeated, or `SIDEKEY_LIMITS="name=value name=value"`. Names end in',
      'their unit: `Ms` milliseconds, `Bytes` bytes; the others are counts.',
      '',
      '| name | default | what it bounds |',
      '|---|---|---|',
    ];
    await expect([...head, ...rows, ''].join('\n')).toMatchFileSnapshot(page('limits.md'));
  });

  it('docs/reference/metrics.md', async () => {
    const none = (): number => 0;
    const stats = {
      policyVersion: 0,
      recordsQueued: 0,
      recordsLost: 0,
      recordRefusals: 0,
      recordGaps: 0,
      spoolErrors: 0,
    };
    const client = { connected: true, stats: () => stats } as unknown as PolicyClient;
    const sources = {
      client,
      faultyTrustFiles: none,
      agentConnections: none,
      upstreamConnections: none,
      liveCalls: none,
      openFiles: none,
      maxOpenFiles: none,
    };
    const controlPlane = new ControlPlaneMetrics();
    const connections = (): ConnectionUse => ({ open: 0, idle: 0, waiting: 0 });
    const streams = { watches: none, authorizeStreams: none, recordStreams: none };
    const files = { certificateEnd: none, faultyFiles: none };
    controlPlane.follow({ ...streams, ...files, sessions: none, tenants: none, connections });
    const head = [
      '# Metrics',
      '',
      'Made from the code, in the text format of Prometheus. Which are worth an alert: [operations](../operations.md).',
      '',
      '## Proxy',
      '',
      '`/metrics` of `--admin`. `sidekey_decisions_total` has the labels `outcome` (`allowed`, `denied`, `failed`) and `reason`',
      '([codes](reasons.md)), the others none: no host, path or user is in them. Beside these, `process_open_fds` and `process_max_fds`.',
      '',
      ...(await metricTable(new ProxyMetrics(sources))),
      '',
      '## Control plane',
      '',
      '`/metrics` of `--metrics-listen`, of each replica for itself. Labels are closed lists: `reason` ([codes](reasons.md)), `type` of a',
      'CredentialProvider, `target` of a revocation, `outcome` and `kind` as below. No tenant, workload, host or user is in them. Beside',
      "these, prom-client's `process_*` and `nodejs_*`: CPU, memory, descriptors, garbage collection, lag of the event loop.",
      '',
      ...(await metricTable(controlPlane)),
      '',
    ];
    await expect(head.join('\n')).toMatchFileSnapshot(page('metrics.md'));
  });

  it('docs/dependencies.md names every dependency', () => {
    const text = readFileSync('docs/dependencies.md', 'utf8');
    const found: unknown = JSON.parse(readFileSync('package.json', 'utf8'));
    const { dependencies, devDependencies, optionalDependencies } = found as Record<string, Record<string, string>>;
    for (const name of Object.keys({ ...dependencies, ...devDependencies, ...optionalDependencies })) {
      expect(text, name).toContain(`\`${name}\``);
    }
  });
});

/** What the comments of an interface say of its members. */
function docsOf(...files: readonly string[]): Map<string, string> {
  const member = /\/\*\* ([^*]*(?:\*(?!\/)[^*]*)*)\*\/\s+readonly (\w+):/g;
  const found = new Map<string, string>();
  for (const file of files) {
    for (const [, text = '', name = ''] of readFileSync(file, 'utf8').matchAll(member)) {
      found.set(
        name,
        text
          .replaceAll(/\s*\n\s*\* ?/g, ' ')
          .trim()
          .replaceAll('|', '\\|'),
      );
    }
  }
  return found;
}

async function metricTable(metrics: MetricSet): Promise<string[]> {
  const found = await (await metrics.registry()).getMetricsAsJSON();
  const own = found.filter(({ name }) => name.startsWith('sidekey_'));
  const rows = own.map(({ name, type, help }) => `| \`${name}\` | ${type} | ${help} |`);
  return ['| name | type | what it says |', '|---|---|---|', ...rows];
}

function helpOf(command: Command): string {
  return command.configureHelp({ helpWidth: 120 }).helpInformation().trim();
}

function page(name: string): string {
  return join(process.cwd(), 'docs/reference', name);
}
