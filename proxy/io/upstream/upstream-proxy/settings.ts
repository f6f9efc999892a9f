import { UsageError } from '../../../../common/errors.ts';
import { parseHost } from '../../../../common/net/host.ts';
import { Secret } from '../../../../common/secret.ts';
import type { TunnelCredentials } from '../../../protocols/tunnel-client.ts';
import { DEFAULT_NO_PROXY, type NoProxy, parseNoProxy } from './no-proxy.ts';

const DEFAULT_PORTS = { http: 80, https: 443, socks5: 1080, socks5h: 1080 } as const;

/** A proxy through which upstreams are reached. */
export interface UpstreamProxySettings {
  /** `https`: TLS to the proxy. `socks5`: names are resolved, and their addresses checked, here; `socks5h`: by the proxy. */
  readonly scheme: keyof typeof DEFAULT_PORTS;
  /** Canonical. */
  readonly host: string;
  readonly port: number;
  readonly credentials: TunnelCredentials | undefined;
  readonly noProxy: NoProxy;
}

/**
 * Reads `scheme://[user:password@]host[:port]` and the rules of what goes direct.
 *
 * @throws UsageError, which never holds any part of the URL
 */
export function parseUpstreamProxy(url: Secret, noProxy: string = DEFAULT_NO_PROXY): UpstreamProxySettings {
  const text = url.reveal();
  const found = /^(https?|socks5h?):\/\/(?:([^/@]*)@)?(\[[^\]]+\]|[^:/@[\]]+)(?::([0-9]{1,5}))?\/?$/i.exec(text);
  if (found === null) {
    throw new UsageError(
      'bad-upstream-proxy',
      'upstream proxy: use http, https, socks5 or socks5h://[user:password@]host[:port]',
    );
  }
  const [, schemeText = '', userInfo, hostText = '', portText] = found;
  const scheme = schemeText.toLowerCase() as UpstreamProxySettings['scheme'];
  const port = portText === undefined ? DEFAULT_PORTS[scheme] : Number(portText);
  if (port < 1 || port > 65_535) throw new UsageError('bad-upstream-proxy', 'upstream proxy: the port is out of range');
  return {
    scheme,
    host: readHost(hostText),
    port,
    credentials: userInfo === undefined ? undefined : readCredentials(userInfo),
    noProxy: parseNoProxy(noProxy),
  };
}

function readHost(text: string): string {
  try {
    return parseHost(text);
  } catch {
    throw new UsageError('bad-upstream-proxy', 'upstream proxy: the host is malformed');
  }
}

/** Percent-encoded, as everywhere in URLs (RFC 3986 section 3.2.1). */
function readCredentials(userInfo: string): TunnelCredentials {
  const colon = userInfo.indexOf(':');
  try {
    const user = decodeURIComponent(colon === -1 ? userInfo : userInfo.slice(0, colon));
    const password = colon === -1 ? '' : decodeURIComponent(userInfo.slice(colon + 1));
    if (user.includes(':') || /[\0-\x1f\x7f]/.test(user + password)) throw new Error('unfit for Basic');
    return { user, password: new Secret(password) };
  } catch {
    throw new UsageError('bad-upstream-proxy', 'upstream proxy: user name or password is malformed');
  }
}
