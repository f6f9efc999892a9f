import { mayPass } from '../../policy-client/index.ts';
import { REASONS, type Reason } from '../../proto/reasons.ts';
import type { ProxyConfig } from '../../proxy/config.ts';
import type { Proxy } from '../../proxy/main.ts';
import { CommandFailed, EXIT_CODES } from '../exit-codes.ts';

/** Whoever starts it waits for it. */
const READY_TIMEOUT_MS = 15_000;
const LOOK_EVERY_MS = 50;

/** A proxy that has its policy. @throws CommandFailed when the control plane refuses it for good, or does not give it in time */
export async function startReadyProxy(config: ProxyConfig): Promise<Proxy> {
  const { startProxy } = await import('../../proxy/main.ts');
  const proxy = await startProxy(config);
  let timer: NodeJS.Timeout | undefined;
  let looks = 0;
  const failure = new Promise<never>((_, reject) => {
    timer = setInterval(() => {
      looks += 1;
      const { lastFailure } = proxy.client.stats();
      if (lastFailure !== undefined && !mayPass(lastFailure)) reject(refused(lastFailure));
      else if (looks * LOOK_EVERY_MS >= READY_TIMEOUT_MS) reject(late(lastFailure));
    }, LOOK_EVERY_MS);
  });
  try {
    await Promise.race([proxy.ready, failure]);
  } finally {
    clearInterval(timer);
  }
  return proxy;
}

function refused(reason: Reason): CommandFailed {
  return new CommandFailed(EXIT_CODES.failed, `the control plane refuses this proxy: ${explain(reason)}`);
}

function late(lastFailure: Reason | undefined): CommandFailed {
  const why = lastFailure === undefined ? '' : `: ${explain(lastFailure)}`;
  return new CommandFailed(EXIT_CODES.unreachable, `the proxy got no policy from the control plane in time${why}`);
}

function explain(reason: Reason): string {
  return `${reason}: ${REASONS[reason].summary} ${REASONS[reason].nextStep}`;
}
