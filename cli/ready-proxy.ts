import { REASONS } from '../proto/reasons.ts';
import type { ProxyConfig } from '../proxy/config.ts';
import type { Proxy } from '../proxy/main.ts';
import { CommandFailed, EXIT_CODES } from './exit-codes.ts';

/** Whoever starts it waits for it. */
const READY_TIMEOUT_MS = 15_000;

/** A proxy that has its policy. @throws CommandFailed when the control plane does not give it in time */
export async function startReadyProxy(config: ProxyConfig): Promise<Proxy> {
  const { startProxy } = await import('../proxy/main.ts');
  const proxy = await startProxy(config);
  let timer: NodeJS.Timeout | undefined;
  const failAfter = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(late(proxy)), READY_TIMEOUT_MS);
  });
  try {
    await Promise.race([proxy.ready, failAfter]);
  } finally {
    clearTimeout(timer);
  }
  return proxy;
}

function late({ client }: Proxy): CommandFailed {
  const { lastFailure } = client.stats();
  const why = lastFailure && `: ${lastFailure}: ${REASONS[lastFailure].summary} ${REASONS[lastFailure].nextStep}`;
  const message = `the proxy got no policy from the control plane in time${why ?? ''}`;
  return new CommandFailed(EXIT_CODES.unreachable, message);
}
