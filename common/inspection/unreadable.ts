import { SidekeyError } from '../errors.ts';

/** A request, or an answer, that cannot be read in one way only. The message is for people and holds nothing of what was sent. */
export class Unreadable extends SidekeyError {
  constructor(why: string, options?: ErrorOptions) {
    super('unreadable', why, options);
  }
}
