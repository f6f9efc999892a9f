import { UsageError } from '../../common/errors.ts';

/** Every user of this machine can read what stands on a command line. @throws UsageError `password-in-arguments` */
export function refusePasswordInArguments(option: string, url: string, instead: string, args: readonly string[]): void {
  if (!/\/\/[^/@]*:[^/@]+@/.test(url) || !args.some((arg) => arg.includes(url))) return;
  throw new UsageError('password-in-arguments', `${option}: everybody can read a password there; ${instead}`);
}
