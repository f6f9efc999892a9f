import type { Cidr } from '../../../common/net/cidr.ts';
import type { ClientCertificate } from '../../credentials/inject.ts';

export type HttpVersion = 'h2' | 'http/1.1';

/** One verified way to an upstream: what to dial and what the certificate must prove. */
export interface DialTarget {
  readonly key: string;
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
  /** Versions of HTTP to offer, the preferred one first. Without TLS nobody chooses: the first is spoken. */
  readonly versions: readonly HttpVersion[];
  readonly serverName: string | undefined;
  readonly caPem: string;
  readonly allowedAddresses: readonly Cidr[];
  /** Presented in the handshake; `withClientCertificate` sets it and the key together. */
  readonly clientCertificate?: ClientCertificate;
}

/** The same way with this certificate: connections and TLS sessions of one never serve another. */
export function withClientCertificate(target: DialTarget, clientCertificate: ClientCertificate): DialTarget {
  return { ...target, key: `${target.key}|certificate ${clientCertificate.id}`, clientCertificate };
}

/** The same way, by HTTP/1.1 alone. */
export function overHttp1(target: DialTarget): DialTarget {
  return { ...target, key: `${target.key}|http/1.1`, versions: ['http/1.1'] };
}
