import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { readEvidenceSources } from '../../../cli/proxy/evidence.ts';
import { failureReason } from '../../../policy-client/connection.ts';

it('a token that cannot be read is missing evidence, not a control plane that is away', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sidekey-evidence-'));
  const file = join(folder, 'gone');
  const failed = await readEvidenceSources([`oidc=${file}`])(Buffer.alloc(0)).catch((error: unknown) => error);
  expect(failureReason(failed)).toBe('evidence-missing');
  expect(failed).toMatchObject({ message: `--evidence: cannot read ${file}` });
  await rm(folder, { recursive: true });
});

it('an error without a reason is a control plane that is away', () => {
  expect(failureReason(new Error('reset'))).toBe('control-plane-unavailable');
});
