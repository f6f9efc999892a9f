import { expect, it, vi } from 'vitest';
import { isSidekeyError, isUsageError, SidekeyError, UsageError } from '../../../common/errors.ts';

it('errors of another bundle, which has classes of its own, are told like those of this one', async () => {
  vi.resetModules();
  const other = await import('../../../common/errors.ts');
  class Broken extends other.SidekeyError {}
  class Misused extends other.UsageError {}
  const misused = new Misused('bad', 'wrong use');
  expect(misused).not.toBeInstanceOf(UsageError);
  expect([misused, new UsageError('bad', 'wrong use')].map(isUsageError)).toEqual([true, true]);
  const failures = [new Broken('broken', 'failed'), new SidekeyError('broken', 'failed')];
  expect(failures.map(isSidekeyError)).toEqual([true, true]);
  expect(failures.map(isUsageError)).toEqual([false, false]);
  for (const foreign of [new Error('failed'), { code: 'broken' }, undefined, null, 'text']) {
    expect([isSidekeyError(foreign), isUsageError(foreign)]).toEqual([false, false]);
  }
});
