import { EXIT_CODES } from './exit-codes.ts';

/** Waits for SIGTERM, SIGINT, or SIGHUP, which a closed terminal sends; a second signal ends the process at once. */
export function waitForSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    const signals = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;
    for (const signal of signals) {
      process.once(signal, () => {
        for (const other of signals) {
          process.removeAllListeners(other);
          process.once(other, () => process.exit(EXIT_CODES.failed));
        }
        resolve(signal);
      });
    }
  });
}
