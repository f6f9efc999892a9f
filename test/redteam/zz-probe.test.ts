import { afterAll, beforeAll, expect, test } from 'vitest';
import { type InspectingWorld, startInspectingWorld } from '../support/worlds/inspecting-world.ts';
import { policySet } from '../support/worlds/policy-set.ts';
const at = { clientWorkload: 'billing-agent', serverWorkload: 'api' };
const POLICY = policySet({
  ServerWorkload: { api: { hosts: ['api.example.com'] } },
  AccessPolicy: {
    all: { ...at, rules: [{ paths: ['/**'] }] },
    kept: { ...at, effect: 'deny', rules: [{ paths: ['/**'], grpc: { services: ['acme.Admin'], methods: ['Wipe*'] } }] },
    ag: { ...at, effect: 'deny', rules: [{ paths: ['/a2a/**'], a2a: { methods: ['tasks/cancel', 'tasks/pushNotificationConfig/*'] } }] },
  },
});
let world: InspectingWorld; let send: typeof fetch;
beforeAll(async () => { world = await startInspectingWorld(POLICY); send = world.fetcher('http/1.1'); }, 60_000);
afterAll(() => world.close());
test('probe', async () => {
  const out: string[] = [];
  for (const p of ['/acme.Admin/Wipe','/acme.Admin/Wipe/','/ACME.admin/wipe/','/acme.Admin/Wipe.json','/acme.Admin/Wip%65','/acme.Admin/Wipe%20','/x/acme.Admin/Wipe','/acme.Admin//Wipe','/acme.Admin/Wipe;x','/acme.Admin/WipeAll?connect=v1&encoding=json&message=%7B%7D','/acme.Admin%2FWipe'])
    out.push(`${p} ${(await send(world.url + p, { method: 'POST' })).status}`);
  const rpc = (m: string) => JSON.stringify({ jsonrpc: '2.0', id: 1, method: m, params: {} });
  for (const m of ['tasks/cancel','CancelTask','canceltask','Tasks/Cancel','CreateTaskPushNotificationConfig','SetTaskPushNotificationConfig','TaskSubscription','tasks/pushNotificationConfig/set','tasks/pushNotification/set','SendMessage'])
    out.push(`${m} ${(await send(world.url + '/a2a/x', { method: 'POST', headers: {'content-type':'application/json'}, body: rpc(m) })).status}`);
  for (const [v,p] of [['POST','/a2a/v1/tasks/1:cancel'],['POST','/a2a/v1/tasks/1%3Acancel'],['POST','/a2a/tasks/1:cancel/'],['POST','/a2a/T/tasks/1:CANCEL'],['PUT','/a2a/tasks/1:cancel'],['POST','/a2a/v1/tasks/1/pushNotificationConfigs'],['POST','/a2a/v1/tasks/1/pushNotificationConfigs/'],['DELETE','/a2a/v1/tasks/1/pushNotificationConfigs/c'],['GET','/a2a/v1/tasks/1/pushNotificationConfigs/c'],['GET','/a2a/v1/tasks/1'],['POST','/a2a/tasks/a:b:cancel'],['POST','/a2a/tasks/a%2Fb:cancel']])
    out.push(`${v} ${p} ${(await send(world.url + p, { method: v!, headers: {'content-type':'application/json'}, ...(v==='GET'?{}:{body: '{}'}) })).status}`);
  console.log(out.join('\n'));
  expect(1).toBe(1);
});
