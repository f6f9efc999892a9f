import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

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

describe('the import arrows of docs/architecture.md', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sidekey-arrows-'));
    await cp('.oxlintrc.json', join(folder, '.oxlintrc.json'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it.each(BROKEN)('%s importing %s fails', async (file, imported) => {
    await write(file, `import '${imported}';\n`);
    const { code, output } = await lint();
    expect(output).toContain('no-restricted-imports');
    expect(code).not.toBe(0);
  });

  it.each(ALLOWED)('%s importing %s passes', async (file, imported) => {
    await write(file, `import { value } from '${imported}';\nconsole.log(value);\n`);
    expect(await lint()).toMatchObject({ code: 0 });
  });

  it('refuses a cycle', async () => {
    await write('common/a.ts', "import { b } from './b.ts';\nexport const a = () => b();\n");
    await write('common/b.ts', "import { a } from './a.ts';\nexport const b = () => a();\n");
    expect((await lint()).output).toContain('no-cycle');
  });

  it.each(['Date.now()', 'process.pid', 'setTimeout(() => {}, 1)'])('refuses %s in a protocol', async (use) => {
    await write('proxy/protocols/x.ts', `export const x = () => ${use};\n`);
    expect((await lint()).output).toContain('no-restricted-globals');
  });

  async function write(file: string, text: string): Promise<void> {
    const path = join(folder, file);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
  }

  function lint(): Promise<{ code: number; output: string }> {
    return new Promise((resolve) => {
      execFile(LINTER, ['-c', '.oxlintrc.json', '.'], { cwd: folder }, (error, stdout, stderr) => {
        resolve({ code: error === null ? 0 : Number(error.code ?? 1), output: stdout + stderr });
      });
    });
  }
});
