import { afterEach, expect, test } from 'vitest';
import { DecisionFact } from '../../../proto/gen/sidekey/v1/route.ts';
import { grant, type ProxyWorld, route, startProxyWorld } from '../../support/worlds/proxy-world.ts';

let world: ProxyWorld | undefined;
afterEach(() => world?.close());

const FORM = 'grant_type=client_credentials';
const POST = ['Content-Type: application/x-www-form-urlencoded', `Content-Length: ${FORM.length}`];

test('token requests that the proxy answers end where their answers say, so that the connection serves on', async () => {
  world = await startProxyWorld({
    // A rule that reads the form has the body read before the answer.
    routes: ({ httpPort }) => [
      route({
        ports: [httpPort],
        decisionFacts: [DecisionFact.DECISION_FACT_FORM],
        selectors: ['form:/grant_type'],
        inspectLimitBytes: 1_000,
      }),
    ],
  });
  const value = { path: '/token', placeholder: `sk_placeholder_${'m'.repeat(43)}`, expiresInSeconds: 60 };
  world.client.decide = (question) => grant(question, { kind: { $case: 'oauthToken', value } });
  const agent = await world.agent();
  for (let round = 0; round < 2; round += 1) {
    const issued = await agent.exchange(world.request('POST', '/token', POST, FORM), 'POST');
    expect([issued.status, JSON.parse(issued.text).access_token]).toEqual([200, value.placeholder]);
    const refused = await agent.exchange(world.request('GET', '/token'), 'GET');
    expect([refused.status, refused.text]).toEqual([400, '{"error":"invalid_request"}']);
    expect((await agent.exchange(world.request('HEAD', '/token'), 'HEAD')).status).toBe(400);
    expect((await agent.exchange(world.request('GET', '/other'), 'GET')).status).toBe(200);
  }
});
