import { SidekeyError } from '../../common/errors.ts';

/** The expression does not parse, does not check, asks for what the environment forbids, or failed. */
export class CelError extends SidekeyError {}
