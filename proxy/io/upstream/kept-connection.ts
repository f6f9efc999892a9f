import type { Rostered } from '../../../common/roster.ts';

/** Where an upstream connection leads, and under what it was checked. */
export interface UpstreamOrigin {
  readonly key: string;
  readonly address: string;
  /** By the owner's clock. */
  readonly openedAt: number;
  /** A client certificate was presented. */
  readonly showsCertificate: boolean;
}

/** An upstream connection as the pool keeps it. */
export interface KeptConnection extends Rostered {
  readonly origin: UpstreamOrigin;
  readonly usable: boolean;
  /** Carries an exchange. */
  readonly busy: boolean;
  /** By the owner's clock. */
  readonly idleSince: number;
  /** Takes no further exchange; closes at once, or with its last one. */
  retire(): void;
  destroy(): void;
}

/** Who keeps upstream connections. */
export interface UpstreamOwner<Connection> {
  /** A clock that nobody sets. */
  now(): number;
  closed(connection: Connection): void;
}
