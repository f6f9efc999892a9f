import type tls from 'node:tls';
import { checkAddress } from '../../../../common/net/address-policy.ts';
import { type Cidr, parseCidr } from '../../../../common/net/cidr.ts';
import { isIpAddress } from '../../../../common/net/host.ts';
import { Refusal } from '../../../refusal.ts';
import type { AddressResolver, ResolvedAddress } from '../address-resolver.ts';
import type { Resolver } from '../dial.ts';
import { openTunnel } from './tunnel.ts';
import type { UpstreamProxySettings } from './settings.ts';

/** The operator chose the proxy's address, so no range is closed to it; metadata services stay so. */
const ANYWHERE = [parseCidr('0.0.0.0/0'), parseCidr('::/0')];
/** Names under which clouds hand out credentials to whoever asks from inside. */
const METADATA_NAMES = new Set([
  'metadata.google.internal',
  'metadata.goog',
  'metadata',
  'instance-data',
  'instance-data.ec2.internal',
  'metadata.tencentyun.com',
  'api.metadata.cloud.ibm.com',
]);

/**
 * Finds the way to an upstream when there is a proxy before it: direct where a no-proxy rule says so, else a tunnel.
 * What can be checked here is: addresses by number, `localhost`, metadata services and Sidekey's own endpoints. Names go to the
 * proxy as names (`socks5`: after they were resolved and checked here), so what they stand for there is its own to check.
 */
export function chainResolver(
  direct: AddressResolver,
  settings: UpstreamProxySettings,
  context: () => tls.SecureContext,
): Resolver {
  return {
    async resolve(host, port, allowed) {
      if (settings.noProxy(host, port)) return direct.resolve(host, port, allowed);
      const destinations = await checkedDestinations(direct, settings, host, port, allowed);
      const proxies = await resolveProxy(direct, settings);
      return destinations.flatMap((destination) =>
        proxies.map(({ address }) => ({
          address,
          tunnel: (timeouts) => openTunnel(settings, context(), address, { host: destination, port }, timeouts),
        })),
      );
    },
  };
}

/** What the proxy may be asked for. @throws Refusal */
async function checkedDestinations(
  direct: AddressResolver,
  { scheme }: UpstreamProxySettings,
  host: string,
  port: number,
  allowed: readonly Cidr[],
): Promise<string[]> {
  const isLocal = isIpAddress(host) || host === 'localhost' || host.endsWith('.localhost');
  if (scheme === 'socks5' || isLocal) {
    const addresses = await direct.resolve(host, port, allowed);
    return scheme === 'socks5' ? addresses.map(({ address }) => address) : [host];
  }
  direct.refuseOwn(host, port);
  if (METADATA_NAMES.has(host) && !checkAddress('169.254.169.254', allowed).allowed) {
    throw new Refusal('address-refused', 'the host has an address that is refused (metadata)');
  }
  return [host];
}

async function resolveProxy(
  direct: AddressResolver,
  { host, port }: UpstreamProxySettings,
): Promise<ResolvedAddress[]> {
  try {
    return await direct.resolve(host, port, ANYWHERE);
  } catch (cause) {
    if (cause instanceof Refusal && cause.reason === 'loop-refused') throw cause;
    throw new Refusal('upstream-proxy-failed', 'the proxy before the upstream has no address to connect to', { cause });
  }
}
