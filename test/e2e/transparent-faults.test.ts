import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BreakableRelay, startBreakableRelay } from '../support/upstreams/breakable-relay.ts';
import { type FaultyHttp1Upstream, HTTP1_FAULTS, startFaultyHttp1Upstream } from '../support/upstreams/http1-faults.ts';
import { MISSING, PATIENCE_MS, TransparentWorld } from '../support/worlds/transparent-world.ts';

// What breaks behind an agent that knows nothing of a proxy: curl is told, and the record says why.

const PORTS = { http: 8_080, https: 8_443 } as const;
const LIMITS = ['bodyIdleTimeoutMs=5000', 'responseTimeoutMs=5000'];

describe.skipIf(MISSING !== undefined)(`transparent mode (skipped without: ${MISSING})`, () => {
  let world: TransparentWorld;
  let upstream: FaultyHttp1Upstream;
  let relays: BreakableRelay[];

  beforeAll(async () => {
    upstream = await startFaultyHttp1Upstream(['api.test']);
    world = await TransparentWorld.start(LIMITS.flatMap((limit) => ['--limit', limit]));
    const host = world.space.outside.IPv4;
    relays = [
      await startBreakableRelay(upstream.port, { host, port: PORTS.http }),
      await startBreakableRelay(upstream.securePort, { host, port: PORTS.https }),
    ];
    const allowedAddresses = Object.values(world.space.outside).map(
      (address) => `${address}/${address.includes(':') ? 128 : 32}`,
    );
    for (const [scheme, port] of Object.entries(PORTS)) {
      const tls = scheme === 'https' ? { mode: 'verify', ca: upstream.caPem } : { mode: 'plaintext' };
      await world.world.apply(
        ['ServerWorkload', `broken-${scheme}`, { hosts: ['api.test'], ports: [port], tls, allowedAddresses }],
        [
          'AccessPolicy',
          `agent-uses-broken-${scheme}`,
          { clientWorkload: 'agent', serverWorkload: `broken-${scheme}` },
        ],
      );
    }
    expect((await world.redirect('install')).code).toBe(0);
    await world.untilReady();
  }, PATIENCE_MS);
  afterAll(async () => {
    await world?.close();
    for (const relay of relays ?? []) await relay.close();
    await upstream?.close();
  }, PATIENCE_MS);

  describe.each(Object.entries(PORTS))('%s', (scheme, port) => {
    it.each(Object.entries(HTTP1_FAULTS))(
      'an upstream that %s',
      async (_, { strike, reason, told }) => {
        upstream.onRequest = (socket) =>
          strike(socket, () => {
            for (const relay of relays) relay.strike('resets');
          });
        const before = (await world.reasons()).length;
        const url = `${scheme}://api.test:${port}/x`;
        const { code, stdout } = await world.agent(['curl', '-sS', '-4', '-m', '20', '-w', '\n%{http_code}', url]);
        // curl's own words for a transfer that ended before its length (18), in the middle of TLS or a chunk (56), or of a stream (92).
        if (told === 'cut') expect([18, 56, 92]).toContain(code);
        else
          expect([code, stdout]).toEqual([0, expect.stringMatching(new RegExp(`"code":"${reason}".*\n${told}$`, 's'))]);
        await expect.poll(async () => (await world.reasons()).slice(before), { timeout: 30_000 }).toEqual([reason]);
      },
      PATIENCE_MS,
    );
  });

  it(
    'an agent that is killed in a call of a silent upstream ends it',
    async () => {
      let isLetGo = false;
      upstream.onRequest = (socket) => socket.once('close', () => (isLetGo = true));
      const before = (await world.reasons()).length;
      const { code } = await world.agent(['curl', '-sS', '-4', '-m', '1', `https://api.test:${PORTS.https}/x`]);
      expect(code).toBe(28);
      await expect.poll(() => isLetGo, { timeout: 30_000 }).toBe(true);
      await expect
        .poll(async () => (await world.reasons()).slice(before), { timeout: 30_000 })
        .toEqual(['agent-closed']);
    },
    PATIENCE_MS,
  );
});
