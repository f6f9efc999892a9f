import { describe, expect, it } from 'vitest';
import { VERSION } from '../../common/version.ts';
import { QUESTION, useBillingPlane } from '../support/worlds/billing-plane.ts';
import { reasonOf } from '../support/agents/raw-proxy.ts';

const [major, minor] = VERSION.split('.').map(Number);

describe('a proxy of another release', () => {
  const billing = useBillingPlane();

  const attest = async (proxyVersion: string) => {
    const proxy = billing.proxy();
    const refused = await proxy.attest(await billing.cluster.token('prod', 'billing'), { proxyVersion }).then(
      () => undefined,
      (error: unknown) => error,
    );
    return { proxy, refused };
  };

  it('is served when it differs by its patch, is told the release here, and is listed with its own', async () => {
    const proxyVersion = `${major}.${minor}.999`;
    const { proxy, refused } = await attest(proxyVersion);
    expect(refused).toBeUndefined();
    expect(proxy.session?.controlPlaneVersion).toBe(VERSION);
    const watch = proxy.watch();
    await expect.poll(() => watch.events[0]?.kind).toMatchObject({ value: { controlPlaneVersion: VERSION } });
    watch.cancel();
    const { body } = await billing.plane.rest('GET', '/v1/sessions');
    const { sessions } = body as { sessions: { id: string; proxyVersion: string }[] };
    expect(sessions.find(({ id }) => id === proxy.session?.sessionId)?.proxyVersion).toBe(proxyVersion);
    expect(await proxy.ask(QUESTION)).toMatchObject({ outcome: { $case: 'grant' } });
  });

  it.each([
    ['newer', `${major}.${(minor ?? 0) + 1}.0`, 'upgrade the control plane'],
    ['of before proxies said their release', '', 'upgrade the proxy'],
  ])('is refused when it is %s', async (_, proxyVersion, says) => {
    const { refused } = await attest(proxyVersion);
    expect(reasonOf(refused)).toBe('version-unsupported');
    expect((refused as Error).message).toContain(says);
  });
});
