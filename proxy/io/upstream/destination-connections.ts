import { Roster } from '../../../common/roster.ts';
import type { UpstreamStream } from '../../http/streams.ts';
import type { Use } from '../../http/upstreams.ts';
import type { Http2Upstream } from './http2-upstream.ts';
import type { KeptConnection } from './kept-connection.ts';
import type { UpstreamConnection } from './upstream-connection.ts';

/** The connections to one destination, under one identity. */
export class DestinationConnections {
  readonly all = new Roster<KeptConnection>();
  /** HTTP/1.1 connections without an exchange, the one used last at the end. */
  readonly idle: UpstreamConnection[] = [];
  readonly shared: Http2Upstream[] = [];
  /** Dials under way. */
  opening = 0;
  /**
   * Until the first of the dials under way has shown what the upstream speaks and how many streams it takes. Rejects as
   * that dial does.
   */
  meeting: Promise<void> | undefined;

  /** Open, being opened, or both. */
  get count(): number {
    return this.all.size + this.opening;
  }

  takeIdle(isYoung: (connection: KeptConnection) => boolean): UpstreamStream | undefined {
    for (let kept = this.idle.pop(); kept !== undefined; kept = this.idle.pop()) {
      if (kept.usable && isYoung(kept)) return kept;
      kept.destroy();
    }
    return undefined;
  }

  takeShared(use: Use, isYoung: (connection: KeptConnection) => boolean): UpstreamStream | undefined {
    for (const kept of this.shared) {
      if (!kept.usable || !isYoung(kept)) continue;
      if (use === 'exchange' || kept.takesWebSockets) return kept.stream();
    }
    return undefined;
  }

  forget(connection: KeptConnection): void {
    this.all.delete(connection);
    remove(this.idle, connection);
    remove(this.shared, connection);
  }
}

function remove(list: KeptConnection[], item: KeptConnection): void {
  const at = list.indexOf(item);
  if (at >= 0) list.splice(at, 1);
}
