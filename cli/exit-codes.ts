import { SidekeyError } from '../common/errors.ts';

/** What the process's exit code says; `sidekey --help` lists them. */
export const EXIT_CODES = {
  ok: 0,
  failed: 1,
  usage: 2,
  denied: 3,
  unreachable: 4,
  /** As shells have it. */
  cannotRun: 126,
  notFound: 127,
} as const;

export const EXIT_CODE_HELP = `
Exit codes:
  0  done; for explain: allowed; for verify-log: the chain is whole
  1  failed
  2  wrong use: an option, a file or a setting
  3  the answer is no: explain says denied; verify-log, doctor or redirect check found a fault
  4  the control plane, or the proxy that run was to use, could not be reached
  run passes on the exit code of its command: 128 + n when signal n ended it, 126 when it cannot be run, 127 when it
  is not found`;

/** Ends the command with this exit code after its output is written. */
export class CommandFailed extends SidekeyError {
  readonly exitCode: number;

  constructor(exitCode: number, message: string, options?: ErrorOptions) {
    super('command-failed', message, options);
    this.exitCode = exitCode;
  }
}
