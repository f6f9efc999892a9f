import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Question } from '../../policy-client/index.ts';
import { DecisionFact } from '../../proto/gen/sidekey/v1/route.ts';
import { noteQuestions, type ProxyWorld, route, startProxyWorld } from '../support/worlds/proxy-world.ts';

let world: ProxyWorld;
let asked: Question[];
beforeEach(async () => {
  world = await startProxyWorld();
  asked = noteQuestions(world);
});
afterEach(() => world.close());

test('A-16 a credential that the agent offers as a subprotocol of WebSocket is removed, and reported', async () => {
  const { httpPort } = world.upstream;
  world.client.setRoutes([route({ ports: [httpPort], decisionFacts: [DecisionFact.DECISION_FACT_HEADERS] })]);
  const agent = await world.agent();
  const foreign = ['openai-insecure-api-key.sk-foreign', 'base64url.bearer.authorization.k8s.io.Zm9yZWlnbg'];
  await agent.exchange(
    world.request('GET', '/', [
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
      `Sec-WebSocket-Protocol: realtime, ${foreign.join(', ')}`,
      'X-Hasura-Admin-Secret: foreign',
    ]),
  );
  const headers = world.upstream.seen[0]?.headers;
  expect(headers?.['sec-websocket-protocol']).toBe('realtime');
  expect(JSON.stringify(headers)).not.toMatch(/foreign|Zm9yZWlnbg/);
  // Nor does the control plane see it.
  expect(asked[0]?.headers).toContainEqual({ name: 'sec-websocket-protocol', value: 'realtime' });
  expect(JSON.stringify(asked)).not.toMatch(/foreign|Zm9yZWlnbg/);
  expect(world.client.records[0]?.removedCredentials.toSorted()).toEqual([
    'header:sec-websocket-protocol',
    'header:x-hasura-admin-secret',
  ]);
});

test.each([
  [
    'A-39',
    ['X-Forwarded-Host: evil.test', 'X-Original-Host: evil.test', 'X-Host: evil.test', 'Forwarded: host=evil.test'],
  ],
  // Lighttpd makes HTTP_X_HTTP_METHOD_OVERRIDE of it.
  ['A-21', ['X.HTTP.Method.Override: DELETE', 'X~Original~URL: /admin', "X'Method*Override: DELETE"]],
  // Programs behind CGI send what they ask of others, with the credentials for it, through that proxy (httpoxy).
  ['A-39', ['Proxy: http://evil.test:8080']],
  ['A-39', ['X-Original-URL: /admin', 'X-Rewrite-URL: /admin', 'X-HTTP-Method-Override: DELETE']],
  ['A-62', ['X-Forwarded-User: root', 'Remote-User: root', 'X-Remote-User: root', 'X-Forwarded-Groups: admins']],
  // Taken for the caller's address by PHP programs, WebLogic, and the usual libraries of Node.
  [
    'A-62',
    ['Client-IP: 10.0.0.1', 'Proxy-Client-IP: 10.0.0.1', 'WL-Proxy-Client-IP: 10.0.0.1', 'X-Forwarded: for=10.0.0.1'],
  ],
  [
    'A-62',
    [
      'Forwarded-For: 10.0.0.1',
      'X-Appengine-User-IP: 10.0.0.1',
      'DO-Connecting-IP: 10.0.0.1',
      'CF-Pseudo-IPv4: 1.1.1.1',
    ],
  ],
  // For the certificate that it showed: RFC 9440, AWS, Azure, ingress-nginx, HAProxy.
  ['A-62', ['Client-Cert: :MIIB:', 'Client-Cert-Chain: :MIIB:', 'X-Amzn-Mtls-Clientcert: x', 'X-ARR-ClientCert: x']],
  [
    'A-62',
    ['SSL-Client-Verify: SUCCESS', 'SSL-Client-Subject-DN: CN=root', 'SSL-Client-Cert: x', 'X-SSL-Client-CN: root'],
  ],
  // For its user: Cloudflare Access, Tailscale.
  [
    'A-62',
    [
      'Cf-Access-Authenticated-User-Email: root@a.test',
      'Cf-Access-Jwt-Assertion: x',
      'Tailscale-User-Login: root@a.test',
    ],
  ],
  [
    'A-62',
    ['X-Forwarded-For: 10.0.0.1', 'X-Real-IP: 10.0.0.1', 'X-Forwarded-Client-Cert: Hash=1', 'X_Forwarded_User: root'],
  ],
  [
    'A-39',
    [
      'X-Forwarded-Uri: /admin',
      'X-Forwarded-Prefix: /admin',
      'X-Original-Method: DELETE',
      'X-Envoy-Original-Path: /admin',
    ],
  ],
  ['A-62', ['X-Webauth-User: admin', 'X-Auth-Request-Email: root@a.test', 'X-Ms-Client-Principal-Name: root']],
  ['A-62', ['X-Goog-Authenticated-User-Email: root@a.test', 'X-Amzn-Oidc-Identity: root', 'X-Consumer-Username: root']],
  ['A-62', ['True-Client-IP: 10.0.0.1', 'CF-Connecting-IP: 10.0.0.1', 'X-Cluster-Client-IP: 10.0.0.1']],
])('%s headers that would speak for the transport are not believed and go no further: %j', async (_id, headers) => {
  const agent = await world.agent();
  expect((await agent.exchange(world.request('GET', '/', headers))).status).toBe(200);
  expect(asked[0]?.destination.host).toBe('api.test');
  const [seen] = world.upstream.seen;
  for (const header of headers) {
    expect(seen?.rawHeaders.map((name) => name.toLowerCase())).not.toContain(header.split(':')[0]?.toLowerCase());
  }
  expect(world.client.records[0]?.workloads).toEqual(['agent']);
});
