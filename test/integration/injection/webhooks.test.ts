import { createHmac } from 'node:crypto';
import { sign, verify } from '@octokit/webhooks-methods';
import { Webhook } from 'standardwebhooks';
import Stripe from 'stripe';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { type InjectingWorld, startInjectingWorld } from '../../support/worlds/injecting-world.ts';
import { type SeenApi, type SeenCall, startSeenApi } from '../../support/upstreams/seen-api.ts';

// Receivers of webhooks check what Sidekey signs with the libraries that their makers give out for it.
const KEY = 'It is the key of all hooks here';
const STANDARD_KEY = Buffer.from('a key of thirty-two bytes, or so').toString('base64');
const BODY = JSON.stringify({ id: 'evt_1', text: 'ü "quoted" \\ and more', nested: [1, { a: null }] });

const SCHEMES: Readonly<Record<string, { provider: string; inject: object; verify(call: SeenCall): unknown }>> = {
  github: {
    provider: 'key',
    inject: { signed: '{{body}}', headers: [{ name: 'X-Hub-Signature-256', value: 'sha256={{signature}}' }] },
    verify: async ({ headers, body }) => {
      if (!(await verify(KEY, body, String(headers['x-hub-signature-256'])))) throw new Error('GitHub: no');
    },
  },
  stripe: {
    provider: 'key',
    inject: {
      signed: '{{timestamp}}.{{body}}',
      headers: [{ name: 'Stripe-Signature', value: 't={{timestamp}},v1={{signature}}' }],
    },
    verify: ({ headers, body }) => Stripe.webhooks.constructEvent(body, String(headers['stripe-signature']), KEY),
  },
  standard: {
    provider: 'standard-key',
    inject: {
      keyEncoding: 'base64',
      encoding: 'base64',
      signed: '{{header:webhook-id}}.{{timestamp}}.{{body}}',
      headers: [
        { name: 'webhook-timestamp', value: '{{timestamp}}' },
        { name: 'webhook-signature', value: 'v1,{{signature}}' },
      ],
    },
    verify: ({ headers, body }) => new Webhook(STANDARD_KEY).verify(body, headers as Record<string, string>),
  },
  slack: {
    provider: 'key',
    inject: {
      signed: 'v0:{{timestamp}}:{{body}}',
      headers: [
        { name: 'X-Slack-Request-Timestamp', value: '{{timestamp}}' },
        { name: 'X-Slack-Signature', value: 'v0={{signature}}' },
      ],
    },
    // Slack publishes the scheme and no library for it alone.
    verify: ({ headers, body }) => {
      const text = `v0:${String(headers['x-slack-request-timestamp'])}:${body}`;
      const expected = `v0=${createHmac('sha256', KEY).update(text).digest('hex')}`;
      if (headers['x-slack-signature'] !== expected) throw new Error('Slack: no');
    },
  },
};

let api: SeenApi;
let injecting: InjectingWorld;

beforeAll(async () => {
  api = await startSeenApi();
  const policies = Object.entries(SCHEMES).map(([name, { provider, inject }]) => [
    name,
    { paths: [`/${name}`], credentials: [{ provider, inject: { type: 'hmac', ...inject } }] },
  ]);
  injecting = await startInjectingWorld(api, { key: KEY, 'standard-key': STANDARD_KEY }, Object.fromEntries(policies));
}, 120_000);
beforeEach(() => {
  api.seen.length = 0;
});
afterAll(async () => {
  await injecting?.close();
  await api?.close();
});

async function hook(name: string): Promise<SeenCall> {
  const answer = await injecting.fetch(`${api.url}/${name}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'webhook-id': 'msg_1' },
    body: BODY,
  });
  expect(answer.status).toBe(200);
  const [call] = api.seen;
  if (call === undefined) throw new Error('nothing arrived');
  expect(call.body).toBe(BODY);
  return call;
}

it.each(Object.keys(SCHEMES))(
  "the library of %s's receivers takes the signature, and none over another body",
  async (name) => {
    const call = await hook(name);
    await SCHEMES[name]?.verify(call);
    const forged = { ...call, body: call.body.replace('evt_1', 'evt_2') };
    await expect(async () => SCHEMES[name]?.verify(forged)).rejects.toThrow();
  },
);

it("GitHub's own signer makes the same", async () => {
  const { headers } = await hook('github');
  expect(headers['x-hub-signature-256']).toBe(await sign(KEY, BODY));
});
