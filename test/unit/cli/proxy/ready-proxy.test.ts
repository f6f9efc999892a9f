import { expect, it, vi } from 'vitest';
import { startReadyProxy } from '../../../../cli/proxy/ready-proxy.ts';
import type { Reason } from '../../../../proto/reasons.ts';
import type { ProxyConfig } from '../../../../proxy/config.ts';

let lastFailure: Reason | undefined;
vi.mock('../../../../proxy/main.ts', () => ({
  startProxy: () => Promise.resolve({ ready: new Promise(() => {}), client: { stats: () => ({ lastFailure }) } }),
}));

it.each([
  ['evidence-wrong-audience', 1, /refuses this proxy: evidence-wrong-audience: .*Ask the issuer/],
  ['control-plane-unavailable', 4, /no policy from the control plane in time: control-plane-unavailable/],
] as const)('waits as long as %s may pass, and no longer', async (reason, exitCode, message) => {
  vi.useFakeTimers();
  lastFailure = reason;
  const started = startReadyProxy({} as ProxyConfig);
  const failed = expect(started).rejects.toMatchObject({ exitCode, message: expect.stringMatching(message) });
  await vi.advanceTimersByTimeAsync(exitCode === 1 ? 100 : 15_000);
  await failed;
  vi.useRealTimers();
});
