import { expect, it } from 'vitest';
import { createErrorLog } from '../../../control-plane/error-log.ts';

it('writes the same error once in a while, with how often it came', () => {
  const lines: Record<string, unknown>[] = [];
  let now = 0;
  const log = createErrorLog(
    (line) => lines.push(JSON.parse(line) as Record<string, unknown>),
    () => now,
  );
  const failure = (tenant: string): Error => new Error(`no credential for tenant ${tenant}`, { cause: 'status 500' });
  for (let at = 0; at < 500; at += 1) log(failure('acme'));
  log(failure('other'));
  now = 10_000;
  log(failure('acme'));
  now = 20_000;
  log(failure('acme'));
  expect(lines.map(({ error, repeated }) => [error, repeated])).toEqual([
    ['no credential for tenant acme: status 500', undefined],
    ['no credential for tenant other: status 500', undefined],
    ['no credential for tenant acme: status 500', 499],
    ['no credential for tenant acme: status 500', undefined],
  ]);
  expect(lines[0]).toMatchObject({ level: 'error', msg: 'control plane error' });
});

it('says where a bug is, and of what goes wrong elsewhere what it says', () => {
  const lines: Record<string, unknown>[] = [];
  const log = createErrorLog(
    (line) => lines.push(JSON.parse(line) as Record<string, unknown>),
    () => 0,
  );
  log(new TypeError('x is not a function'));
  log(new Error('terminating connection due to administrator command'));
  expect(lines).toEqual([
    expect.objectContaining({
      error: 'x is not a function',
      at: expect.arrayContaining([expect.stringContaining('error-log.test.ts:')]),
    }),
    expect.not.objectContaining({ at: expect.anything() }),
  ]);
});
