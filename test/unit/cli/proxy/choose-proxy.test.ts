import { Command } from 'commander';
import { afterEach, expect, it, vi } from 'vitest';
import { define } from '../../../../cli/commands/run.ts';
import { chooseProxy } from '../../../../cli/proxy/choose-proxy.ts';

afterEach(() => vi.unstubAllEnvs());

/** Which proxy `sidekey run` with these options would use. */
function chosen(options: string, env: Record<string, string> = {}) {
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
  const command = new Command();
  define(command);
  command.action(() => undefined);
  command.parse([...options.split(' ').filter((word) => word !== ''), '--', 'true'], { from: 'user' });
  return chooseProxy(command);
}

const PLANE = { SIDEKEY_CONTROL_PLANE: 'cp:7443', SIDEKEY_EVIDENCE: 'kubernetes', SIDEKEY_PROXY_CA: 'ca.pem' };

it.each<[options: string, env: Record<string, string>, way: string | undefined]>([
  ['', {}, undefined],
  ['', { SIDEKEY_PROXY_CA: 'ca.pem', SIDEKEY_LIMITS: 'maxHeldBytes=1' }, undefined],
  ['--proxy http://127.0.0.1:1 --proxy-ca ca.pem', {}, 'proxy'],
  ['--proxy http://127.0.0.1:1 --proxy-ca ca.pem', PLANE, 'proxy'],
  ['--proxy http://127.0.0.1:1', PLANE, 'proxy'],
  ['--proxy-ca ca.pem', { SIDEKEY_PROXY: 'http://127.0.0.1:1' }, 'proxy'],
  ['--agent-dir agent', { ...PLANE, SIDEKEY_PROXY: 'http://127.0.0.1:1' }, 'agentDir'],
  [
    '--control-plane cp:1 --limit maxHeldBytes=1 --tenant acme',
    { SIDEKEY_PROXY: 'http://127.0.0.1:1' },
    'controlPlane',
  ],
  ['--unrouted tunnel --quiet --keep-env A', PLANE, 'controlPlane'],
])('run %s, with %j in the environment', (options, env, way) => {
  expect(chosen(options, env)).toBe(way);
});

const TWO = 'give one of --proxy, --control-plane and --agent-dir: each names a proxy';
it.each([
  ['--proxy-ca ca.pem', '--proxy-ca needs --proxy'],
  ['--proxy-ca ca.pem --control-plane cp:1', '--proxy-ca needs --proxy'],
  ['--proxy-ca ca.pem --agent-dir agent', '--proxy-ca needs --proxy'],
  ['--proxy http://127.0.0.1:1 --control-plane cp:1', TWO],
  ['--agent-dir agent --control-plane cp:1', TWO],
  ['--agent-dir agent --proxy http://127.0.0.1:1', TWO],
  ['--unrouted tunnel', '--unrouted: for a proxy that run starts itself: give --control-plane too'],
  [
    '--agent-dir agent --upstream-ca ca.pem --limit maxHeldBytes=1',
    '--upstream-ca, --limit: for a proxy that run starts itself: give --control-plane too',
  ],
])('run %s, which would be passed over, is refused', (options, message) => {
  expect(() => chosen(options)).toThrow(message);
});
