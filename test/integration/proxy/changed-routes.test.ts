import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Answer } from '../../../policy-client/index.ts';
import { DecisionFact, TlsMode } from '../../../proto/gen/sidekey/v1/route.ts';
import { startHttp2Upstream } from '../../support/upstreams/http2-upstream.ts';
import {
  bearer,
  grant,
  HOSTS,
  type ProxyWorld,
  route,
  SECRET,
  startProxyWorld,
} from '../../support/worlds/proxy-world.ts';
import { until } from '../../support/until.ts';

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

const CHANGED = {
  ...STRICTER,
  'answers are masked': { maskedAnswerFields: ['token'] },
  'another place for credentials': { credentialHeaders: ['x-new-key'] },
};

test.each(Object.entries(CHANGED))('a call held while its route changes does not leave: %s', async (_name, over) => {
  const { reason: _reason, ...changed } = { reason: '', ...over };
  const reading = {
    ports: [world.upstream.httpPort],
    decisionFacts: [DecisionFact.DECISION_FACT_JSON],
    selectors: ['json:'],
    inspectLimitBytes: 1_000,
  };
  world.client.setRoutes([route(reading)]);
  const headers = ['Content-Type: application/json', 'Content-Length: 2', 'Expect: 100-continue'];
  const [first, second] = await Promise.all([world.agent(), world.agent()]);
  for (const agent of [first, second]) {
    agent.send(world.request('POST', '/held', headers, '{'));
    await until('the body is read', () => agent.received.includes('100 Continue'));
  }
  // What is asked changes nothing of the way on which a call leaves.
  world.client.setRoutes([route({ ...reading, inspectLimitBytes: 2_000 })]);
  first.send('}');
  await until('it is answered', () => first.received.includes('hello'));
  world.client.setRoutes([route({ ...reading, ...changed })]);
  second.send('}');
  await until('it is answered', () => second.received.includes('HTTP/1.1 503'));
  expect(second.received.toString()).toContain('not-ready');
  expect(world.upstream.seen).toHaveLength(1);
  await until('both are recorded', () => world.client.records.length === 2);
});

describe('the same routes, told anew', () => {
  test.each(['http/1.1', 'h2'])('a connection that is being dialled serves its own call alone: %s', async (version) => {
    await world.close();
    const upstream = await startHttp2Upstream(HOSTS, (stream) => {
      stream.respond({ ':status': 200 });
      stream.end('two');
    });
    let change = true;
    world = await startProxyWorld({
      config: { upstreamCaPem: upstream.caPem },
      lookup: () => {
        if (change) world.client.setRoutes([...world.client.routes()]);
        change = false;
        return undefined;
      },
      routes: ({ httpPort }) => [route({ ports: [httpPort, upstream.port] })],
    });
    const isHttp2 = version === 'h2';
    const at = isHttp2 ? `https://api.test:${upstream.port}` : `http://api.test:${world.upstream.httpPort}`;
    const connections = (): number => (isHttp2 ? upstream : world.upstream).connections();
    const post = `POST ${at}/ HTTP/1.1\r\nHost: ${at.split('//')[1]}\r\nContent-Length: 4\r\n\r\n[10]`;
    const agent = await world.agent();
    expect((await agent.exchange(post)).text).toBe(isHttp2 ? 'two' : 'hello');
    for (let call = 0; call < 2; call += 1) expect((await agent.exchange(post)).status).toBe(200);
    expect(connections()).toBe(2);
    await upstream.close();
  });

  test('no TLS session from before them is resumed, as the certificate would not be looked at again', async () => {
    const at = `api.test:${world.upstream.httpsPort}`;
    const agent = await world.agent();
    const call = async (): Promise<boolean | undefined> => {
      expect((await agent.exchange(`GET https://${at}/ HTTP/1.1\r\nHost: ${at}\r\n\r\n`)).status).toBe(200);
      return world.upstream.seen.at(-1)?.resumed;
    };
    world.upstream.handle((request, response) => {
      void world.upstream.note(request).then(() => response.writeHead(200, { connection: 'close' }).end('x'));
    });
    expect([await call(), await call()]).toEqual([false, true]);
    world.client.setRoutes([...world.client.routes()]);
    expect([await call(), await call()]).toEqual([false, true]);
  });
});
