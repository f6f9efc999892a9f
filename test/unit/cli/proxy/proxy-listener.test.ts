import { expect, it } from 'vitest';
import { parseProxyUrl } from '../../../../cli/proxy/proxy-listener.ts';

const URL_WITH_TOKEN = 'http://agent:0123456789abcdef@127.0.0.1:8080';

it('takes a token of the proxy from the environment, and from no command line, which every user can read', () => {
  const code = 'password-in-arguments';
  for (const args of [['run', '--proxy', URL_WITH_TOKEN], [`--proxy=${URL_WITH_TOKEN}`]]) {
    expect(() => parseProxyUrl(URL_WITH_TOKEN, args)).toThrow(expect.objectContaining({ code }));
  }
  expect(parseProxyUrl(URL_WITH_TOKEN, ['run']).port).toBe('8080');
  const bare = 'http://127.0.0.1:8080';
  expect(parseProxyUrl(bare, ['run', '--proxy', bare]).port).toBe('8080');
});

it.each(['https://127.0.0.1:8080', '127.0.0.1:8080', ''])('refuses %j', (text) => {
  expect(() => parseProxyUrl(text, [])).toThrow('use http://HOST:PORT');
});
