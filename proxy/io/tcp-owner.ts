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

  /**
   * Whether nobody reads any more what is sent to this end: who held its socket has closed it, or the connection is gone
   * here too. False where it cannot be seen, as for an agent in another name space.
   */
  async isAbandoned(end: Authority): Promise<boolean> {
    // A table that changes while it is read may lack a row: only what shows twice is so.
    return isAbandoned(await this.#read(), end) && isAbandoned(await this.#read(), end);
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

/** A socket in a table: what stands behind its two ends (state, queues, timer, retransmits, uid, timeout, inode). */
const ROW = /^ *\d+: (\S+) (\S+) (?:\S+ +){6}(\d+)/gm;

/** Exported for its tests. */
export function isAbandoned(tables: readonly string[], end: Authority): boolean {
  const names = new Set(spellings(end));
  let [isThere, isOurs, isAnyHeld] = [false, false, false];
  for (const table of tables) {
    for (const [, local = '', remote = '', inode] of table.matchAll(ROW)) {
      const isHeld = inode !== '0';
      if (names.has(local) && isHeld) return false;
      isThere ||= names.has(local);
      isOurs ||= names.has(remote) && isHeld;
      isAnyHeld ||= isHeld;
    }
  }
  // A reset takes our own row away; a table that shows nothing at all says nothing.
  return isThere || (isAnyHeld && !isOurs);
}

/** A connection over IPv4 may belong to a socket of IPv6, which shows mapped addresses (RFC 4291 2.5.5.2). */
function rowKeys(local: Authority, remote: Authority): string[] {
  const [here, there] = [spellings(local), spellings(remote)];
  const isMixed = here.length !== there.length;
  return here.slice(0, isMixed ? 1 : undefined).map((name, index) => ` ${name} ${there[index]} `);
}

/** As the kernel prints an end; the second spelling of an IPv4 address is the mapped one. */
function spellings({ host, port }: Authority): string[] {
  const bytes = readIpAddress(host) ?? new Uint8Array();
  const forms = bytes.length === 4 ? [bytes, mapped(bytes)] : [bytes];
  return forms.map((form) => `${words(form)}:${hex(port, 4)}`);
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
