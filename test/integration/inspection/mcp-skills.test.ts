import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { SkillsClient } from '@modelcontextprotocol/client/ext/skills';
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server';
import { memorySkillFiles, type SkillCatalog, SkillsExtension } from '@modelcontextprotocol/server/ext/skills';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type InspectingWorld, startInspectingWorld } from '../../support/worlds/inspecting-world.ts';
import { policySet } from '../../support/control-plane/policy-set.ts';

const at = { clientWorkload: 'billing-agent', serverWorkload: 'api' };
const POLICY = policySet({
  ServerWorkload: { api: { hosts: ['api.example.com'] } },
  AccessPolicy: {
    allowed: {
      ...at,
      rules: [
        { paths: ['/only'], mcp: { resources: ['skill://docs/*'] } },
        { paths: ['/but'], mcp: {} },
      ],
    },
    kept: { ...at, effect: 'deny', rules: [{ paths: ['/but'], mcp: { resources: ['skill://secret/*'] } }] },
  },
});

const skill = (name: string): Record<string, string> => ({
  [`${name}/SKILL.md`]: `---\nname: ${name}\ndescription: about ${name}\n---\nRead this.\n`,
  [`${name}/plans/PLAN.md`]: `the plan of ${name}`,
});

// What came with and since MCP 2026-07-28, with the official SDK on both sides.
describe.each(['/only', '/but'])('MCP skills and subscriptions at %s', (path) => {
  let world: InspectingWorld;
  let client: Client;
  let skills: SkillsClient;
  /** Methods that reached the server. */
  const reached: string[] = [];

  beforeAll(async () => {
    const catalog: SkillCatalog = await SkillsExtension.load(
      memorySkillFiles({ ...skill('docs'), ...skill('secret') }),
    );
    const handler = createMcpHandler(() => {
      const capabilities = { resources: { subscribe: true, listChanged: true } };
      const server = new McpServer({ name: 'skills', version: '1.0.0' }, { capabilities });
      catalog.attach(server);
      return server;
    });
    world = await startInspectingWorld(POLICY);
    world.upstream.handle(async (request, response) => {
      const headers = Object.entries(request.headers).map(([name, value]): [string, string] => [name, String(value)]);
      const body = await buffer(request);
      reached.push(String(JSON.parse(body.toString()).method));
      const asked = new Request('https://localhost/mcp', { method: 'POST', headers, body: new Uint8Array(body) });
      const answer = await handler.fetch(asked);
      response.writeHead(answer.status, Object.fromEntries(answer.headers));
      if (answer.body) Readable.fromWeb(answer.body).pipe(response);
      else response.end();
    });
    client = new Client({ name: 'agent', version: '2.0.0' }, { versionNegotiation: { mode: { pin: '2026-07-28' } } });
    const fetchImpl = world.fetcher('http/1.1');
    await client.connect(new StreamableHTTPClientTransport(new URL(path, world.url), { fetch: fetchImpl }));
    skills = new SkillsClient(client);
  }, 60_000);
  beforeEach(() => void reached.splice(0));
  afterAll(async () => {
    await client.close();
    await world.close();
  });

  test('lists show the skills and the files that policy allows', async () => {
    expect((await skills.list()).skills.map(({ uri }) => uri)).toEqual(['skill://docs/SKILL.md']);
    const { resources } = await skills.readDirectory('skill://docs/plans');
    expect(resources.map(({ uri }) => uri)).toEqual(['skill://docs/plans/PLAN.md']);
  });

  test('a skill that policy allows is read', async () => {
    const { skill: entry } = await skills.get('skill://docs/SKILL.md');
    expect(await skills.read(entry, 'plans/PLAN.md')).toMatchObject({ text: 'the plan of docs' });
  });

  test('one that it does not is not, in any way', async () => {
    for (const attempt of [
      () => skills.get('skill://secret/SKILL.md'),
      () => skills.readDirectory('skill://secret'),
      () => skills.readDirectory('skill://secret/plans'),
      () => client.readResource({ uri: 'skill://secret/plans/PLAN.md' }),
      () => client.listen({ resourceSubscriptions: ['skill://secret/plans/PLAN.md'] }),
      () => client.listen({ resourceSubscriptions: ['skill://docs/SKILL.md', 'skill://secret/SKILL.md'] }),
    ]) {
      await expect(attempt()).rejects.toThrow(/rule-denied|policy-denied|message-refused/);
    }
    expect(reached).toEqual([]);
  });

  test('changes of lists, and of a resource that policy allows, are listened for', async () => {
    for (const filter of [{ resourcesListChanged: true }, { resourceSubscriptions: ['skill://docs/SKILL.md'] }]) {
      const subscription = await client.listen(filter);
      await subscription.close();
    }
    expect(reached.filter((method) => method === 'subscriptions/listen')).toHaveLength(2);
  });
});
