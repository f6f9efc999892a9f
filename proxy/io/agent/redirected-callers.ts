import type { Socket } from 'node:net';
import { formatAuthority, type Authority } from '../../../common/net/host.ts';
import type { Caller, TcpOwners } from './tcp-owner.ts';

/**
 * Finds whose a redirected connection is. All of them end at one port of ours, so that two from one port to two places would be
 * the same: on its way here the kernel gives the second another port, which its owner's row in the table does not show. Each row
 * is therefore taken by one connection only, and one whose port no row has is of the user whose are all rows that are left.
 */
export class RedirectedCallers {
  readonly #owners: TcpOwners;
  readonly #ownUid = process.geteuid?.();
  readonly #taken = new Map<string, Socket>();

  constructor(owners: TcpOwners) {
    this.#owners = owners;
  }

  /** `peer` and `local` as `socket` has them, `dialled` as its other end has it. */
  async uidOf(socket: Socket, peer: Authority, local: Authority, dialled: Authority): Promise<number | undefined> {
    const found = await this.#owners.callersOf(peer.host, dialled, [local, peer]);
    const nameOf = ({ port }: Caller): string =>
      `${formatAuthority(peer.host, port)} ${formatAuthority(dialled.host, dialled.port)}`;
    const holderOf = (one: Caller): Socket | undefined => this.#taken.get(nameOf(one));
    const free = found.filter((one) => holderOf(one) === undefined);
    const row =
      found.find((one) => holderOf(one) === socket) ??
      free.find(({ port }) => port === peer.port) ??
      onlyUser(free.filter(({ uid }) => uid !== this.#ownUid));
    if (row?.uid === undefined || socket.destroyed) return undefined;
    this.#take(nameOf(row), socket);
    return row.uid;
  }

  #take(name: string, socket: Socket): void {
    if (this.#taken.has(name)) return;
    this.#taken.set(name, socket);
    socket.once('close', () => this.#taken.delete(name));
  }
}

/** Any of these, where all have one user. */
function onlyUser(callers: readonly Caller[]): Caller | undefined {
  const [first] = callers;
  return callers.every(({ uid }) => uid === first?.uid) ? first : undefined;
}
