import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const LINTER = join(process.cwd(), 'node_modules/.bin/oxlint');

/** Each line breaks docs/architecture.md: a file, what it imports, and the rule that must say so. */
const BROKEN: readonly (readonly [file: string, imported: string])[] = [
  ['proxy/http/step.ts', '../../control-plane/main.ts'],
  ['proxy/http/step.ts', '../../cli/main.ts'],
  ['proxy/http/step.ts', '../io/upstream/dial.ts'],
  ['proxy/io/agent/tunnel.ts', '../upstream/dial.ts'],
  ['proxy/io/upstream/dial.ts', '../agent/tunnel.ts'],
  ['proxy/inspection/plan.ts', '../http/call.ts'],
  ['proxy/inspection/plan.ts', '../io/upstream/dial.ts'],
  ['proxy/inspection/plan.ts', '../../control-plane/main.ts'],
  ['proxy/credentials/injection/basic.ts', '../../http/call.ts'],
  ['proxy/intercept/opening.ts', '../io/upstream/dial.ts'],
  ['control-plane/api/rest/server.ts', '../../../proxy/main.ts'],
  ['control-plane/api/rest/server.ts', '../../../policy-client/index.ts'],
  ['policy-client/connection.ts', '@grpc/grpc-js'],
  ['policy-client/connection.ts', '../proto/gen/sidekey/v1/proxy.ts'],
  ['proxy/main.ts', '../policy-client/index.ts'],
  ['proxy/http/step.ts', '../../policy-client/index.ts'],
  ['policy-client/index.ts', '../proxy/config.ts'],
  ['policy-client/index.ts', '../control-plane/main.ts'],
  ['common/secret.ts', '../proto/reasons.ts'],
  ['common/net/host.ts', '../../proxy/main.ts'],
  ['cli/commands/run.ts', '../../proxy/io/upstream/dial.ts'],
  ['cli/main.ts', '../test/support/play.ts'],
  ['proxy/protocols/http1/reader.ts', 'node:net'],
  ['proxy/protocols/http1/reader.ts', 'node:fs'],
  ['proxy/protocols/http1/reader.ts', '../../../control-plane/main.ts'],
  ['proxy/protocols/http1/reader.ts', '../../io/upstream/dial.ts'],
  ['proxy/sessions/http.ts', 'node:tls'],
  ['proxy/sessions/http2/stream.ts', '../../http/streams.ts'],
];

const ALLOWED: readonly (readonly [file: string, imported: string])[] = [
  ['proxy/main.ts', '../policy-client/client.ts'],
  ['policy-client/wire.ts', '@grpc/grpc-js'],
  ['proxy/http/step.ts', '../../common/secret.ts'],
  ['proxy/http/step.ts', '../inspection/plan.ts'],
  ['proxy/io/agent/listeners.ts', '../../http/exchange.ts'],
  ['proxy/inspection/plan.ts', '../protocols/heads.ts'],
  ['control-plane/api/rest/server.ts', '../../../proto/reasons.ts'],
  ['cli/commands/proxy.ts', '../../proxy/main.ts'],
  ['cli/commands/dev.ts', '../../control-plane/main.ts'],
];

const GLOBALS = ['Date.now()', 'process.pid', 'setTimeout(() => {}, 1)'] as const;

describe('the import arrows of docs/architecture.md', () => {
  let folder: string;
  let faults: Map<string, string[]>;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sidekey-arrows-'));
    await cp('.oxlintrc.json', join(folder, '.oxlintrc.json'));
    await writeAll();
    faults = await lint();
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it.each(BROKEN)('%s importing %s fails', (file, imported) => {
    expect(faultsOf(file, lineOf(imported))).toContain('eslint(no-restricted-imports)');
  });

  it.each(ALLOWED)('%s importing %s passes', (file, imported) => {
    expect(faultsOf(file, lineOf(imported))).toEqual([]);
  });

  it('refuses a cycle', () => {
    expect(faultsOf('common/a.ts', lineOf('./b.ts'))).toEqual(['import(no-cycle)']);
  });

  it.each(GLOBALS)('refuses %s in a protocol', (use) => {
    expect(faultsOf('proxy/protocols/x.ts', useOf(use))).toEqual(['eslint(no-restricted-globals)']);
  });

  /** Codes of what the linter says of this line. */
  function faultsOf(file: string, line: string): string[] {
    return faults.get(`${file}:${linesOf(file).indexOf(line) + 1}`) ?? [];
  }

  async function writeAll(): Promise<void> {
    for (const file of new Set(LINES.map(([name]) => name))) {
      const path = join(folder, file);
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, `${linesOf(file).join('\n')}\n`);
    }
  }

  /** By file and line. Once for all: starting the linter takes longer than what it does. */
  async function lint(): Promise<Map<string, string[]>> {
    const output = await new Promise<string>((resolve) => {
      execFile(LINTER, ['-c', '.oxlintrc.json', '--format', 'json', '.'], { cwd: folder }, (_error, stdout) =>
        resolve(stdout),
      );
    });
    const { diagnostics } = JSON.parse(output) as { diagnostics: Diagnostic[] };
    const found = new Map<string, string[]>();
    for (const { code, filename, labels } of diagnostics) {
      const place = `${filename}:${labels[0]?.span.line}`;
      found.set(place, [...(found.get(place) ?? []), code]);
    }
    return found;
  }
});

interface Diagnostic {
  readonly code: string;
  readonly filename: string;
  readonly labels: readonly { readonly span: { readonly line: number } }[];
}

const LINES: readonly (readonly [file: string, line: string])[] = [
  ...[...BROKEN, ...ALLOWED, ['common/a.ts', './b.ts'] as const, ['common/b.ts', './a.ts'] as const].map(
    ([file, imported]) => [file, lineOf(imported)] as const,
  ),
  ...GLOBALS.map((use) => ['proxy/protocols/x.ts', useOf(use)] as const),
];

function linesOf(file: string): string[] {
  return LINES.filter(([name]) => name === file).map(([, line]) => line);
}

function lineOf(imported: string): string {
  const name = imported.replaceAll(/[^A-Za-z0-9]/g, '_');
  return `import { ${name} } from '${imported}'; console.log(${name});`;
}

function useOf(global: string): string {
  return `console.log(${global});`;
}
