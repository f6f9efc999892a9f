import { pino, type Logger } from 'pino';

/** JSON logs on standard error, so that standard output stays the agent's. Fields never hold secrets. */
export function createLogger(level: string): Logger {
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      redact: { paths: ['token', 'credential', '*.token', '*.credential', 'authorization'], censor: '[secret]' },
    },
    pino.destination({ fd: 2, sync: true }),
  );
}
