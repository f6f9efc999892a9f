import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Answer } from '../../../policy-client/index.ts';
import { TlsMode } from '../../../proto/gen/sidekey/v1/route.ts';
import { bearer, grant, type ProxyWorld, route, SECRET, startProxyWorld } from '../../support/proxy-world.ts';

/** What a call began under one set of routes leaves behind must not serve calls under the next. */

let world: ProxyWorld;
beforeEach(async () => {
  world = await startProxyWorld();
});
afterEach(() => world.close());

const STRICTER = {
  'another name in the certificate': {
    tls: { mode: TlsMode.TLS_MODE_VERIFY, caPem: '', serverName: 'elsewhere.test' },
    reason: 'upstream-tls-failed',
  },
  'no exception for the address': { allowedAddresses: [], reason: 'address-refused' },
};

test.each(Object.entries(STRICTER))('a connection dialled by an old call: %s', async (_name, { reason, ...over }) => {
  const ports = [world.upstream.httpsPort];
  const at = `api.test:${world.upstream.httpsPort}`;
  const get = `GET https://${at}/ HTTP/1.1\r\nHost: ${at}\r\n\r\n`;
  let decide: () => void = () => {};
  const asked = new Promise<void>((resolve) => {
    world.client.decide = (question) => {
      resolve();
      return new Promise<Answer>((later) => (decide = () => later(grant(question, bearer(SECRET)))));
    };
  });
  const agent = await world.agent();
  const old = agent.exchange(get);
  await asked;
  world.client.decide = (question) => grant(question, bearer(SECRET));
  world.client.setRoutes([route({ ports, ...over })]);
  decide();
  await old;
  const answer = await (await world.agent()).exchange(get);
  expect(answer.status === 200 ? 'served' : JSON.parse(answer.text).code).toBe(reason);
});
