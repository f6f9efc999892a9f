import { UsageError } from '../../../../common/errors.ts';
import { type Cidr, cidrContains, parseCidr } from '../../../../common/net/cidr.ts';
import { parseHost } from '../../../../common/net/host.ts';
import { readIpAddress } from '../../../../common/net/ip-address.ts';

/** What goes direct when nothing is said: a proxy elsewhere has another loopback. */
export const DEFAULT_NO_PROXY = 'localhost,127.0.0.0/8,::1';

const MAX_RULES = 1_024;

interface Rule {
  matches(host: string, address: Uint8Array | undefined): boolean;
  readonly port: number | undefined;
}

/** Whether a canonical host and a port are reached directly. */
export type NoProxy = (host: string, port: number) => boolean;

/**
 * Reads NO_PROXY as Go and curl do: rules divided by commas or blanks. `*` matches everything, `example.com` the name
 * and all below it, `.example.com` (or `*.example.com`) only what is below, an address or CIDR range the addresses that
 * are called by number, each with an optional `:port`. Names are never resolved for this.
 *
 * @throws UsageError naming the rule that is none
 */
export function parseNoProxy(text: string): NoProxy {
  const words = text.split(/[\s,]+/).filter((word) => word !== '');
  if (words.length > MAX_RULES) throw new UsageError('bad-no-proxy', `no-proxy has more than ${MAX_RULES} rules`);
  const rules = words.map(parseRule);
  return (host, port) => {
    const address = readIpAddress(host);
    return rules.some((rule) => (rule.port === undefined || rule.port === port) && rule.matches(host, address));
  };
}

function parseRule(word: string): Rule {
  if (word === '*') return { matches: () => true, port: undefined };
  const [, bracketed, plain, portText] = /^(?:\[([^\]]+)\]|([^:]+))(?::([0-9]{1,5}))?$/.exec(word) ?? [];
  // An IPv6 address without brackets has no port.
  const host = bracketed ?? plain ?? word;
  const port = portText === undefined ? undefined : Number(portText);
  try {
    if (port !== undefined && (port < 1 || port > 65_535)) throw new Error('no port');
    const range = readIpAddress(host.split('/')[0] ?? '') === undefined ? undefined : parseCidr(host);
    return { matches: range === undefined ? nameRule(host) : addressRule(range), port };
  } catch {
    throw new UsageError('bad-no-proxy', `no-proxy: ${JSON.stringify(word)} is no host, suffix, address or range`);
  }
}

function addressRule(range: Cidr): Rule['matches'] {
  return (_, address) => address !== undefined && cidrContains(range, address);
}

function nameRule(text: string): Rule['matches'] {
  const onlyBelow = /^\*?\./.exec(text);
  const name = parseHost(onlyBelow === null ? text : text.slice(onlyBelow[0].length));
  const suffix = `.${name}`;
  return (host) => host.endsWith(suffix) || (onlyBelow === null && host === name);
}
