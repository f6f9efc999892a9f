import { isIPv6, type Socket } from 'node:net';
import { formatIpAddress } from '../../../common/net/ip-address.ts';
import { loadSocketOptions } from '../../../common/socket-options.ts';
import type { Authority } from '../../../common/net/host.ts';

/** Linux: include/uapi/linux/netfilter_ipv4.h and netfilter_ipv6/ip6_tables.h; both options have the number 80. */
const IPV4 = { level: 0, name: 80, sizeBytes: 16, addressAt: 4, addressBytes: 4 } as const;
const IPV6 = { level: 41, name: 80, sizeBytes: 28, addressAt: 8, addressBytes: 16 } as const;
const PORT_AT = 2;

/**
 * Binds SO_ORIGINAL_DST. Undefined for a connection that nobody redirected: the kernel has no entry for it, or one that
 * names the listener itself.
 *
 * @throws SocketOptionError without koffi, or on another system than Linux
 */
export function loadOriginalDestination(): (socket: Socket) => Authority | undefined {
  const read = loadSocketOptions('transparent mode');
  return (socket) => {
    const { localAddress = '', localPort } = socket;
    const family = isIPv6(localAddress) ? IPV6 : IPV4;
    // struct sockaddr_in, or sockaddr_in6: the port and the address are in network order.
    const found = read(socket, family.level, family.name, family.sizeBytes);
    if (found === undefined) return undefined;
    const host = formatIpAddress(found.subarray(family.addressAt, family.addressAt + family.addressBytes));
    const port = found.readUInt16BE(PORT_AT);
    return host === localAddress && port === localPort ? undefined : { host, port };
  };
}
