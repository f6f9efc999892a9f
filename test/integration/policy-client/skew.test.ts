import { describe, expect, it } from 'vitest';
import { VERSION } from '../../../common/version.ts';
import { useLinkedClients } from '../../support/policy-client/linked-clients.ts';
import { question } from '../../support/policy-client/policy-client.ts';
import { until } from '../../support/until.ts';

const link = useLinkedClients();
const QUICK = { minBackoffMs: 5, maxBackoffMs: 10, reconnectGraceMs: 50 };
const [major, minor] = VERSION.split('.').map(Number);
const release = (minorsAhead: number): string => `${major}.${(minor ?? 0) + minorsAhead}.3`;

describe('a control plane of another release', () => {
  it('is told the release of the client', async () => {
    await link.readyClient();
    expect(link.plane.attests[0]?.proxyVersion).toBe(VERSION);
  });

  it.each([
    ['another patch of its release', 0],
    ['the release after it', 1],
  ])('is gone on with when it is %s', async (_, ahead) => {
    link.plane.version = release(ahead);
    const client = await link.readyClient();
    expect(await client.authorize(question())).toMatchObject({ kind: 'grant' });
  });

  it.each([
    ['two releases ahead', release(2), /: upgrade the proxy$/],
    ['so old that it does not say its release', '', /: upgrade the control plane$/],
  ])('is not asked when it is %s, and the log says which side to upgrade', async (_, version, says) => {
    link.plane.version = version;
    const warned: Record<string, unknown>[] = [];
    const warn = (fields: Record<string, unknown>) => void warned.push(fields);
    const client = await link.startClient({ limits: QUICK, log: { info: () => {}, warn, error: () => {} } });
    await until('it tried twice', () => client.stats().attestationFailures > 1);
    expect(await client.authorize(question())).toMatchObject({ kind: 'denial', reason: 'version-unsupported' });
    expect(warned).toMatchObject([{ reason: 'version-unsupported', error: expect.stringMatching(says) }]);
    expect(link.plane.questions).toEqual([]);
  });

  it('is left in the midst of a session, with what it granted, once it has taken the place of one that fitted', async () => {
    const client = await link.readyClient({ limits: QUICK });
    expect(await client.authorize(question())).toMatchObject({ kind: 'grant' });
    link.plane.stop();
    link.plane.version = '';
    await link.plane.start();
    await expect
      .poll(async () => client.authorize(question()), { timeout: 10_000 })
      .toMatchObject({ kind: 'denial', reason: 'version-unsupported' });
    expect(link.plane.questions).toHaveLength(1);
    link.plane.version = VERSION;
    await expect.poll(async () => client.authorize(question()), { timeout: 10_000 }).toMatchObject({ kind: 'grant' });
  });
});
