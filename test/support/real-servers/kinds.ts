import type { Command } from './launch.ts';

/** HTTP/1.1 in the clear, HTTP/2 over TLS by ALPN, or HTTP/2 in the clear by prior knowledge. */
export type Speaks = 'HTTP/1.1' | 'HTTP/2' | 'h2c';

/** Where a server stands, and what it speaks there. */
export interface Place {
  /** With `cert.pem` and `key.pem`, and both in `both.pem`, for servers that speak TLS. */
  readonly folder: string;
  readonly port: number;
  /** Of the Node server behind it, where it forwards. */
  readonly backend: number;
  readonly speaks: Speaks;
  /** After so many calls it asks for another connection, where it can. */
  readonly callsPerConnection: number;
}

export interface Kind {
  /** Succeeds where all that it needs is here. */
  readonly probe: Command;
  /** Debian's package. */
  readonly needs: string;
  readonly speaks: readonly Speaks[];
  command(place: Place): Command;
}
