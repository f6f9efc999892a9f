import { afterEach, expect, it, vi } from 'vitest';
import { probeAs } from '../../../../cli/redirect/probe.ts';

afterEach(() => vi.restoreAllMocks());

it('says what root of a container lacks when it may not act as another user', async () => {
  vi.spyOn(process, 'seteuid').mockImplementation(() => {
    throw Object.assign(new Error('EPERM, Operation not permitted'), { code: 'EPERM' });
  });
  await expect(probeAs(4_294_000_000)).rejects.toThrow(
    'cannot act as user 4294000000: this takes the capability SETUID',
  );
});
