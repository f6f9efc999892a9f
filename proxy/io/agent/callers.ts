import type { Socket } from 'node:net';
import type { Authority } from '../../../common/net/host.ts';
import { type PeerCredentials, loadPeerCredentials } from '../../../common/peer-credentials.ts';
import { readIpAddress } from '../../../common/net/ip-address.ts';
import { RedirectedCallers } from './redirected-callers.ts';
import { TcpOwners } from './tcp-owner.ts';

/**
 * Says which user (uid) is behind a connection, as the kernel knows it: SO_PEERCRED for unix sockets, the owner of the other
 * end for TCP. Asked once a connection, never a request.
 */
export class Callers {
  readonly #allowedUids: ReadonlySet<number> | undefined;
  readonly #owners = new TcpOwners();
  readonly #redirected = new RedirectedCallers(this.#owners);
  #peerOf: ((socket: Socket) => PeerCredentials | undefined) | undefined;

  /** @param allowedUids undefined admits every user that reaches the listener */
  constructor(allowedUids: readonly number[] | undefined) {
    this.#allowedUids = allowedUids === undefined ? undefined : new Set(allowedUids);
  }

  get areChecked(): boolean {
    return this.#allowedUids !== undefined;
  }

  /** @throws SocketOptionError when unix peers cannot be known here */
  prepareUnix(): void {
    if (this.areChecked) this.#peerOf ??= loadPeerCredentials('a check of callers on a unix socket');
  }

  /** Whether this user is one of those allowed; one who cannot be known is not. */
  admits(uid: number | undefined): boolean {
    return uid !== undefined && (this.#allowedUids?.has(uid) ?? true);
  }

  /** `dialled` is where the caller believes to be connected, when that is not our end. */
  async uidOf(socket: Socket, dialled?: Authority): Promise<number | undefined> {
    const { remoteAddress, remotePort, localAddress, localPort } = socket;
    if (remoteAddress === undefined) return this.#peerOf?.(socket)?.uid;
    if (remotePort === undefined || localAddress === undefined || localPort === undefined) return undefined;
    if (readIpAddress(remoteAddress) === undefined) return undefined;
    const [peer, local] = [
      { host: remoteAddress, port: remotePort },
      { host: localAddress, port: localPort },
    ];
    return dialled === undefined
      ? this.#owners.uidOf(peer, local)
      : this.#redirected.uidOf(socket, peer, local, dialled);
  }
}
