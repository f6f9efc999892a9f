import { expect, type SoakPlace } from './workers.ts';
import { type Connection, PROTOCOLS, REQUESTS } from './ways.ts';

const WAYS = {
  http1: REQUESTS.http1,
  http2: REQUESTS.http2,
  socks5: REQUESTS.socks5,
  chained: REQUESTS.chained,
  webSocket: PROTOCOLS.webSocket,
} as const;
const RETRY_MS = 200;

/** Calls whose answers go on until somebody cuts them. */
export class LongCalls {
  readonly #place: SoakPlace;
  readonly #open = new Set<string>();

  constructor(place: SoakPlace) {
    this.#place = place;
  }

  /** Paths of those that are under way, admitted or not. */
  get open(): ReadonlySet<string> {
    return this.#open;
  }

  /** One way each: begins another call when one was cut. */
  async keepUp(): Promise<void> {
    const again = async (way: keyof typeof WAYS): Promise<void> => {
      while (this.#place.running()) {
        if (await this.#one(way)) this.#place.tally.cut += 1;
        await pause(RETRY_MS);
      }
    };
    await Promise.all((Object.keys(WAYS) as (keyof typeof WAYS)[]).map(again));
  }

  /** One way each: none may end before the soak does. */
  async hold(): Promise<void> {
    const once = async (way: keyof typeof WAYS): Promise<void> => {
      const isCut = await this.#one(way);
      expect(this.#place.tally, !isCut, `${way}: a long call that nobody revoked was cut`);
    };
    await Promise.all((Object.keys(WAYS) as (keyof typeof WAYS)[]).map(once));
  }

  /** Whether it was ended by somebody else than this agent at the end of the soak. */
  async #one(way: keyof typeof WAYS): Promise<boolean> {
    const { tally } = this.#place;
    let connection: Connection | undefined;
    let path = '';
    try {
      connection = await WAYS[way](this.#place);
      path = `/endless/${tally.endless.length}/${way}`;
      tally.endless.push(path);
      this.#open.add(path);
      const ended = connection.send('GET', path).then(
        () => true,
        () => true,
      );
      return await Promise.race([ended, this.#over()]);
    } catch {
      return true;
    } finally {
      this.#open.delete(path);
      connection?.close();
    }
  }

  async #over(): Promise<false> {
    while (this.#place.running()) await pause(RETRY_MS);
    return false;
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
