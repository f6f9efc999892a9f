import { Command } from 'commander';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { define } from '../../../../cli/commands/revoke.ts';
import type * as Rest from '../../../../cli/rest-client.ts';

const tenants: string[] = [];
vi.mock('../../../../cli/rest-client.ts', async (original) => ({
  ...(await original<typeof Rest>()),
  withClient: (context: { tenant: string }, use: (client: unknown) => Promise<unknown>) => {
    tenants.push(context.tenant);
    return use({
      call: () => Promise.resolve({}),
    });
  },
}));

beforeEach(() => {
  vi.stubEnv('SIDEKEY_SERVER', 'https://127.0.0.1:1');
  vi.stubEnv('SIDEKEY_TOKEN', 't');
});
afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

it.each([
  [[], 'revoked'],
  [['--lift'], 'lifted'],
])('revoke %j -o json says so', async (options, action) => {
  const printed = vi.spyOn(console, 'log').mockReturnValue();
  const command = new Command();
  define(command);
  await command.parseAsync(['user', 'alice', '-o', 'json', ...options], { from: 'user' });
  expect(JSON.parse(String(printed.mock.calls[0]?.[0]))).toEqual({ target: 'user', name: 'alice', action });
});

it('a reason is refused where it would be lost', async () => {
  const command = new Command();
  define(command);
  const lifted = command.parseAsync(['user', 'alice', '--lift', '--reason', 'back'], { from: 'user' });
  await expect(lifted).rejects.toMatchObject({ code: 'reason-not-kept' });
});

it('a tenant is revoked in itself, and never where another one is named', async () => {
  vi.spyOn(console, 'log').mockReturnValue();
  vi.stubEnv('SIDEKEY_TENANT', 'other');
  const command = new Command();
  define(command);
  await command.parseAsync(['tenant', 'acme'], { from: 'user' });
  expect(tenants.at(-1)).toBe('acme');
  const twice = ['tenant', 'acme', '--tenant', 'globex'];
  await expect(command.parseAsync(twice, { from: 'user' })).rejects.toThrow('--tenant says "globex", but "acme"');
});
