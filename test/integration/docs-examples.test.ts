import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readDocuments } from '../../cli/documents.ts';
import { TestControlPlane } from '../support/control-plane/control-plane.ts';
import { PAGES, readPage } from '../support/pages.ts';

interface Example {
  readonly page: string;
  readonly yaml: string;
}

const EXAMPLES = PAGES.flatMap((page) =>
  [...readPage(page).matchAll(/^```yaml\n([\s\S]*?)^```$/gm)]
    .map(([, yaml = '']) => ({ page, yaml }))
    // A container of a Kubernetes pod, which test/unit/deploy.test.ts reads.
    .filter(({ yaml }) => !yaml.startsWith('- name:')),
);

/** Everything that the parts of policies on these pages speak of. */
function surroundings(yaml: string): string {
  const head = (kind: string, name: string): string =>
    `---\napiVersion: sidekey.dev/v1\nkind: ${kind}\nmetadata: { name: ${name} }\n`;
  const providers = new Set(Array.from(yaml.matchAll(/provider: ([a-z-]+)/g), ([, name = '']) => name));
  return [
    `${head('ClientWorkload', 'agent')}spec: { selectors: { all: [{ claim: oidc.sub, equals: agent }] } }\n`,
    `${head('ServerWorkload', 'api')}spec: { hosts: [api.example.com] }\n`,
    ...[...providers].map(
      (name) => `${head('CredentialProvider', name)}spec: { type: static, secret: { value: "12345678" } }\n`,
    ),
  ].join('');
}

/** An example of a page is a whole document, or the `rules` or `credentials` of a policy. */
function whole(yaml: string): string {
  if (yaml.includes('apiVersion:')) return yaml;
  const spec = `clientWorkload: agent\nserverWorkload: api\n${yaml}`.replaceAll(/^(?=.)/gm, '  ');
  const policy = `---\napiVersion: sidekey.dev/v1\nkind: AccessPolicy\nmetadata: { name: example }\nspec:\n${spec}`;
  return surroundings(yaml) + policy;
}

describe('every YAML example of the documentation can be applied', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sidekey-docs-'));
  let controlPlane: TestControlPlane;

  beforeAll(async () => {
    controlPlane = await TestControlPlane.start();
  }, 300_000);
  afterAll(async () => {
    await controlPlane.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it('finds them', () => expect(EXAMPLES.length).toBeGreaterThan(25));

  it.each(EXAMPLES.map((example, index) => [example.page, index, example] as const))(
    '%s (%i)',
    async (_page, _index, { yaml }: Example) => {
      const text = whole(yaml);
      for (const [, name = ''] of text.matchAll(/fromEnv: (\w+)/g)) process.env[name] = 'value-of-a-secret';
      for (const [, name = ''] of text.matchAll(/fromFile: ([\w./-]+)/g)) {
        writeFileSync(join(folder, name), 'value-of-a-secret\n');
      }
      const file = join(folder, 'example.yaml');
      writeFileSync(file, text);
      const resources = (await readDocuments([file])).map(({ document }) => document);
      const answer = await controlPlane.rest('POST', '/v1/apply', { resources, prune: true });
      expect(answer.body).not.toHaveProperty('fields');
      expect(answer.status).toBe(200);
    },
  );
});
