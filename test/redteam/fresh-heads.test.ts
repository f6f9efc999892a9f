import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PlaceholderLocation } from '../../proto/gen/sidekey/v1/route.ts';
import { bearer, grant, type ProxyWorld, route, SECRET, startProxyWorld } from '../support/worlds/proxy-world.ts';
import { startRawUpstream } from '../support/upstreams/upstream.ts';

const FRESH = 'fresh-1234567890';
/** No trailers may have them (RFC 9110 6.5.1). */
const HEADS_ALONE = /Authorization|Set-Cookie/;
const MASKED = ['access_token', 'token', 'sig'];

let world: ProxyWorld;
beforeAll(async () => {
  world = await startProxyWorld();
});
afterAll(() => world.close());

/** All that the agent reads of an answer with these fields: in an interim one, in its head and in trailers. */
async function read(fields: Readonly<Record<string, string>>, over: object = {}): Promise<string> {
  const { httpsPort } = world.upstream;
  world.client.setRoutes([route({ ports: [httpsPort], ...over })]);
  world.upstream.handle((_request, response) => {
    response.writeEarlyHints({ link: '</a>; rel=preload', ...fields });
    response.writeHead(302, { trailer: 'x-t', ...fields });
    response.write('ok');
    if (!HEADS_ALONE.test(Object.keys(fields).join())) response.addTrailers(fields);
    response.end();
  });
  const { agent } = await world.tlsAgent();
  const head = ['GET / HTTP/1.1', `Host: api.test:${httpsPort}`, 'TE: trailers', 'Connection: TE'];
  const answer = await agent.exchange(`${head.join('\r\n')}\r\n\r\n`);
  agent.destroy();
  expect([answer.status, answer.text, answer.informational.length]).toEqual([302, 'ok', 1]);
  return agent.received.toString('latin1');
}

describe('A-67 a fresh value of a credential in a field of its name does not come back', () => {
  const place = { location: PlaceholderLocation.PLACEHOLDER_LOCATION_HEADER, name: 'X-Session-Key' };
  const value = { name: 'X-Session-Key', prefix: '', suffix: '', value: Buffer.from(SECRET) };
  const placeholder = { placeholders: [`sk_placeholder_${'m'.repeat(43)}`], place, value: Buffer.from(SECRET) };

  test.each([
    ['the injected one', { kind: { $case: 'header', value } } as const],
    ['that of a placeholder', { kind: { $case: 'placeholder', value: placeholder } } as const],
  ])('%s', async (_, injection) => {
    world.client.decide = (question) => grant(question, injection);
    const received = await read({ 'X-Session-Key': FRESH, 'X-Session': 'other' });
    expect(received).not.toContain(FRESH);
    expect(received.split(/^x-session: other\r$/im)).toHaveLength(4);
  });

  test.each(['X-Auth-Token', 'X-Access-Token', 'X-Amz-Security-Token', 'X-Vault-Token', 'Authorization'])(
    '%s, whatever is injected',
    async (name) => {
      world.client.decide = (question) => grant(question, bearer(SECRET));
      expect(await read({ [name]: FRESH })).not.toContain(FRESH);
    },
  );

  test('where nothing is injected, they come as they are', async () => {
    world.client.decide = (question) => grant(question, undefined);
    const received = await read({ 'X-Auth-Token': FRESH, 'X-Session-Key': FRESH }, { injectsCredential: false });
    expect(received.split(FRESH)).toHaveLength(7);
  });
});

describe('A-67 where fresh secrets are masked, they are in heads', () => {
  test.each([
    ['Location', `https://app.example/cb#access_token=${FRESH}&state=s`],
    ['Location', `/files/1?a=b&SIG=${FRESH}%26x`],
    ['Refresh', `0; url=https://app.example/?token=${FRESH}`],
    ['X-Link', `<https://app.example/?token=${FRESH}>; rel="next"`],
    ['X-Session', `a=b, token="${FRESH} ${FRESH}"; c=d`],
    ['X-Session', `token="${FRESH}`],
    ['Set-Cookie', `token=${FRESH}; Path=/`],
    ['Access-Token', FRESH],
    ['access_token', `Bearer ${FRESH}`],
  ])('%s: %s', async (name, value) => {
    world.client.decide = (question) => grant(question, undefined);
    const received = await read({ [name]: value }, { maskedAnswerFields: MASKED });
    expect(received).not.toContain('fresh-');
    const lengths = [...received.matchAll(new RegExp(`^${name}: (.*)\r$`, 'gim'))].map(
      ([, shown = '']) => shown.length,
    );
    expect(lengths.length).toBeGreaterThan(1);
    for (const length of lengths) expect(length).toBe(value.length);
  });

  test('and nothing else is', async () => {
    const fields = { Location: '/?my_token=1&tokens=2&state=token', 'X-Token-Id': '7', 'Cache-Control': 'max-age=3' };
    const received = await read(fields, { maskedAnswerFields: MASKED });
    for (const [name, value] of Object.entries(fields))
      expect(received.toLowerCase().split(`${name}: ${value}\r`.toLowerCase())).toHaveLength(4);
  });

  test('a WebSocket, whose messages are not masked, is not opened', async () => {
    const key = 'AAAAAAAAAAAAAAAAAAAAAA==';
    const raw = await startRawUpstream((socket) => {
      socket.once('data', (bytes) => {
        const theirs = /^sec-websocket-key: (.+)\r$/im.exec(bytes.toString('latin1'))?.[1] ?? '';
        const accept = createHash('sha1').update(`${theirs}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
        const upgrade = 'Upgrade: websocket\r\nConnection: Upgrade';
        socket.write(`HTTP/1.1 101 Switching\r\n${upgrade}\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`);
        const message = Buffer.from(`{"access_token":"${FRESH}"}`);
        socket.write(Buffer.concat([Buffer.from([0x81, message.length]), message]));
      });
    });
    world.client.setRoutes([route({ ports: [raw.port], maskedAnswerFields: MASKED })]);
    const agent = await world.agent();
    const at = `api.test:${raw.port}`;
    const upgrade = `Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}`;
    const answer = await agent.exchange(`GET http://${at}/ HTTP/1.1\r\nHost: ${at}\r\n${upgrade}\r\n\r\n`);
    expect([answer.status, JSON.parse(answer.text).code]).toEqual([502, 'answer-refused']);
    expect(agent.received.includes(FRESH)).toBe(false);
    await raw.close();
  });
});
