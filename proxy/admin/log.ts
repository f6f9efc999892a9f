import { pino, type Logger } from 'pino';

/** What waits for room on a full disk; lines beyond it are dropped. */
const MAX_WAITING_BYTES = 65_536;

/** JSON logs on standard error, so that standard output stays the agent's. Fields never hold secrets. */
export function createLogger(level: string): Logger {
  const destination = pino.destination({ fd: 2, sync: true, maxLength: MAX_WAITING_BYTES });
  destination.on('error', () => {});
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      redact: { paths: ['token', 'credential', '*.token', '*.credential', 'authorization'], censor: '[secret]' },
    },
    destination,
  );
}
