import { EXIT_CODES } from './exit-codes.ts';

/**
 * Waits for SIGTERM, SIGINT, or SIGHUP, which a closed terminal sends. A second signal ends the process at once, after `hurry`
 * where there is one; a third does not wait for that.
 */
export function waitForSignal(hurry?: () => Promise<void>): Promise<NodeJS.Signals> {
  const exit = (): never => process.exit(EXIT_CODES.failed);
  const second = (): void => {
    if (hurry === undefined) exit();
    else hurry().then(exit, exit);
  };
  return new Promise((resolve) => {
    const signals = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;
    for (const signal of signals) {
      process.once(signal, () => {
        let isSecond = true;
        for (const other of signals) {
          process.removeAllListeners(other);
          process.on(other, () => {
            if (isSecond) second();
            else exit();
            isSecond = false;
          });
        }
        resolve(signal);
      });
    }
  });
}
