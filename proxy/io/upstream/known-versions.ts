import { BoundedCache } from '../../../common/bounded-cache.ts';
import type { DialTarget } from '../../http/request/dial-target.ts';

/** What a server spoke: HTTP/2 with or without extended CONNECT, by which WebSockets open (RFC 8441). */
export type Spoken = 'http/1.1' | 'h2' | 'h2 with WebSockets';

const MAX_SERVERS = 1_024;

/**
 * What each server spoke when it was dialled last, where ALPN decides. It only saves dials: every connection asks anew, and
 * what it learns holds for the next one.
 */
export class KnownVersions {
  readonly #spoken = new BoundedCache<string, Spoken>(MAX_SERVERS);

  learn(target: DialTarget, spoken: Spoken): void {
    if (target.versions.length > 1) this.#spoken.set(serverOf(target), spoken);
  }

  /** Whether a connection that is being dialled may come to serve many calls at a time. */
  mayBeShared(target: DialTarget): boolean {
    if (target.versions.length === 1) return target.versions[0] === 'h2';
    return this.#spoken.get(serverOf(target)) !== 'http/1.1';
  }

  /** Whether a connection on which HTTP/2 is offered may come to carry a WebSocket. */
  mayCarryWebSocket(target: DialTarget): boolean {
    return target.versions.length === 1 || this.#spoken.get(serverOf(target)) !== 'h2';
  }
}

function serverOf({ host, port }: DialTarget): string {
  return `${host}:${port}`;
}
