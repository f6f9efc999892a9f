import { readFile } from 'node:fs/promises';
import { endianness } from 'node:os';
import type { Authority } from '../../common/net/host.ts';
import { readIpAddress } from '../../common/net/ip-address.ts';

const TABLES = ['/proc/net/tcp', '/proc/net/tcp6'] as const;
const MAPPED_PREFIX = Uint8Array.from([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]);

/**
 * Finds the user (uid) of the socket at the other end of a TCP connection within this network name space, from /proc/net/tcp
 * (proc(5)). Reading it costs up to milliseconds on a busy machine, so connections accepted meanwhile share the next reading.
 */
export class TcpOwners {
  #next: Promise<readonly string[]> | undefined;
  #current: Promise<unknown> = Promise.resolve();

  /** `local` and `remote` as the other end sees them. Undefined when there is no such socket, or nobody holds it any more. */
  async uidOf(local: Authority, remote: Authority): Promise<number | undefined> {
    for (const table of await this.#read()) {
      const uid = findOwner(table, local, remote);
      if (uid !== undefined) return uid;
    }
    return undefined;
  }

  /** A reading that begins after this call: an earlier one may not show the connection yet. */
  #read(): Promise<readonly string[]> {
    this.#next ??= this.#current.then(() => {
      this.#next = undefined;
      const reading = Promise.all(TABLES.map((file) => readFile(file, 'latin1').catch(() => '')));
      this.#current = reading;
      return reading;
    });
    return this.#next;
  }
}

/** The uid of the row with these ends; exported for its tests. */
export function findOwner(table: string, local: Authority, remote: Authority): number | undefined {
  for (const key of rowKeys(local, remote)) {
    const at = table.indexOf(key);
    if (at === -1) continue;
    const end = table.indexOf('\n', at);
    // sl local rem st queues timer retransmits uid timeout inode; the key stands for local and rem.
    const fields = table
      .slice(at + key.length, end === -1 ? undefined : end)
      .trim()
      .split(/ +/);
    const [uid, inode] = [Number(fields[4]), Number(fields[6])];
    // Without an inode no process holds the socket (TIME_WAIT and the like), and its uid reads 0, which is root's.
    if (Number.isInteger(uid) && inode > 0) return uid;
  }
  return undefined;
}

/** A connection over IPv4 may belong to a socket of IPv6, which shows mapped addresses (RFC 4291 2.5.5.2). */
function rowKeys(local: Authority, remote: Authority): string[] {
  const ends = [local, remote].map(({ host, port }) => ({ bytes: readIpAddress(host) ?? new Uint8Array(), port }));
  const key = (widen: boolean): string =>
    ` ${ends.map(({ bytes, port }) => `${words(widen ? mapped(bytes) : bytes)}:${hex(port, 4)}`).join(' ')} `;
  return ends.every(({ bytes }) => bytes.length === 4) ? [key(false), key(true)] : [key(false)];
}

function mapped(bytes: Uint8Array): Uint8Array {
  return Uint8Array.from([...MAPPED_PREFIX, ...bytes]);
}

/** The kernel prints addresses as 32-bit words of the machine's own byte order. */
function words(bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes);
  if (endianness() === 'LE') buffer.swap32();
  return buffer.toString('hex').toUpperCase();
}

function hex(value: number, digits: number): string {
  return value.toString(16).toUpperCase().padStart(digits, '0');
}
