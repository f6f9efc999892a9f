import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readUpstreamProxy, type UpstreamProxyOptions } from '../../../../cli/proxy/upstream-proxy.ts';
import { withFolder } from '../../../support/folder.ts';

const LISTEN = { host: '127.0.0.1', port: 8080 };

function read(
  options: UpstreamProxyOptions,
  env: NodeJS.ProcessEnv = {},
  args: readonly string[] = [],
): readonly (string | undefined)[] | undefined {
  const found = readUpstreamProxy(options, LISTEN, env, args);
  return found && [found.url.reveal(), found.noProxy];
}

test('no option, no proxy: the environment alone asks for none', () => {
  expect(read({}, { HTTPS_PROXY: 'http://127.0.0.1:3128' })).toBeUndefined();
});

test('a password of no proxy is refused, not passed over', () => {
  expect(() => read({ upstreamProxyPasswordFile: '/dev/null' })).toThrow(
    '--upstream-proxy-password-file needs --upstream-proxy',
  );
});

test('what is given is taken', () => {
  expect(read({ upstreamProxy: 'socks5h://proxy.test', upstreamNoProxy: '.test' })).toEqual([
    'socks5h://proxy.test',
    '.test',
  ]);
  expect(read({ upstreamProxy: 'http://proxy.test:3128' }, { NO_PROXY: '.test' })).toEqual([
    'http://proxy.test:3128',
    undefined,
  ]);
});

test.each([
  [{ HTTPS_PROXY: 'http://a.test', ALL_PROXY: 'http://b.test' }, ['http://a.test', undefined]],
  [
    { https_proxy: 'http://c.test', HTTPS_PROXY: 'http://a.test', no_proxy: 'x', NO_PROXY: 'y' },
    ['http://c.test', 'x'],
  ],
  [{ all_proxy: 'socks5://d.test', NO_PROXY: 'y' }, ['socks5://d.test', 'y']],
])('env takes %o', (env, expected) => {
  expect(read({ upstreamProxy: 'env' }, env)).toEqual(expected);
  expect(read({ upstreamProxy: 'env', upstreamNoProxy: 'z' }, env)).toEqual([expected[0], 'z']);
});

test('a password comes from a file, as it is', async () => {
  await withFolder(async (folder) => {
    const file = join(folder, 'password');
    writeFileSync(file, 'p@ss/w:rd\n');
    const options = { upstreamProxy: 'http://ann@proxy.test:3128', upstreamProxyPasswordFile: file };
    expect(read(options)?.[0]).toBe('http://ann:p%40ss%2Fw%3Ard@proxy.test:3128');
    expect(() => read({ ...options, upstreamProxy: 'http://proxy.test' })).toThrow(
      'put the user into --upstream-proxy',
    );
  });
});

test('a password among the arguments is refused, one in the environment is not', () => {
  const url = 'http://ann:secret@proxy.test:3128';
  expect(() => read({ upstreamProxy: url }, {}, ['dev', `--upstream-proxy=${url}`])).toThrow('everybody can read');
  expect(read({ upstreamProxy: url }, {}, ['dev'])?.[0]).toBe(url);
});

test.each(['http://127.0.0.1:8080', 'http://localhost:8080/', 'http://[::1]:8080', 'socks5://ann@127.0.0.9:8080'])(
  '%s is this proxy itself',
  (upstreamProxy) => {
    expect(() => read({ upstreamProxy })).toThrow('is this proxy itself');
  },
);

test('env without a variable is a mistake, not a direct way out', () => {
  expect(() => read({ upstreamProxy: 'env' }, { HTTPS_PROXY: '' })).toThrow('neither HTTPS_PROXY nor ALL_PROXY');
});
