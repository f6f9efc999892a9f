import type { Logger } from 'pino';
import { describeError } from '../common/errors.ts';
import { Followed } from '../common/followed.ts';
import { checkAuthorities, loadText } from '../common/text-file.ts';
import type { ProxyConfig } from './config.ts';

interface Users {
  readonly controlPlane: { trust(caPem: string): void };
  readonly upstreams: { trust(caPem: string): void };
}

/** Follows the files of the authorities that this proxy trusts: connections that it opens go by what they hold then. */
export class TrustFiles {
  readonly #followed: readonly Followed<string>[];

  constructor({ trustFiles = {}, controlPlane, upstreamCaPem = '' }: ProxyConfig, users: Users, log: Logger) {
    const follow = (file: string | undefined, option: string, held: string, user: Users[keyof Users]) => {
      if (file === undefined) return [];
      const read = (): Promise<string> => loadText(file, option);
      const changed = (text: string): void => {
        user.trust(checkAuthorities(text, file, option));
        log.info({ option, file }, 'changed authorities are trusted from the next connection on');
      };
      const failed = (error: unknown): void =>
        log.error(
          { option, file, error: describeError(error) },
          'changed authorities cannot be used; the old ones are',
        );
      return new Followed(held, { read, changed, failed });
    };
    this.#followed = [
      follow(trustFiles.controlPlane, '--control-plane-ca', controlPlane.caPem, users.controlPlane),
      follow(trustFiles.upstream, '--upstream-ca', upstreamCaPem, users.upstreams),
    ].flat();
  }

  /** How many hold what cannot be used. */
  get faulty(): number {
    return this.#followed.filter(({ isFaulty }) => isFaulty).length;
  }

  stop(): void {
    for (const file of this.#followed) file.stop();
  }
}
