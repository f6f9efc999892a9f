import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ProxyWorld, SECRET, startProxyWorld } from '../support/worlds/proxy-world.ts';

let world: ProxyWorld;
beforeAll(async () => (world = await startProxyWorld()));
afterAll(() => world.close());

const byOpenssl = (text: string): string => execFileSync('openssl', ['base64'], { input: text, encoding: 'latin1' });
const byMime = (text: string): string => Buffer.from(text).toString('base64').replace(/.{76}/g, '$&\r\n');

// A mail, a certificate request or a dump with the credential in it; wherever it stands, a line ends within it.
const WAYS = [
  ['openssl base64', byOpenssl],
  ['RFC 2045', byMime],
  ['openssl base64 in JSON', (text: string) => JSON.stringify({ dump: byOpenssl(text) })],
  ['RFC 2045 in JSON', (text: string) => JSON.stringify({ mail: byMime(text) })],
] as const;

test.each(WAYS)('A-02 a credential in base64 with lines: %s', async (_name, write) => {
  let before = '';
  let sent = '';
  world.upstream.handle((request, response) => {
    sent = write(`${before}${request.headers.authorization}${'and more '.repeat(20)}`);
    response.end(sent);
  });
  const agent = await world.agent();
  for (let length = 0; length < 60; length += 1) {
    before = 'x'.repeat(length);
    const answer = await agent.exchange(world.request('GET', '/'));
    expect(answer.text).toHaveLength(sent.length);
    const base64 = (JSON.stringify({ all: answer.text }).match(/(?:\\\\[rn]|\\[rn]|[A-Za-z0-9+/=*])+/g) ?? [])
      .map((run) => run.replaceAll(/\\\\[rn]|\\[rn]/g, ''))
      .join('');
    const read = Buffer.from(base64.replaceAll('*', 'A'), 'base64').toString('latin1');
    expect(answer.text, String(length)).toContain('**********');
    expect(read).not.toContain(SECRET.slice(4, 16));
    expect(read).not.toContain(SECRET.slice(-16, -4));
  }
});
