import { readFile } from 'node:fs/promises';
import { endianness } from 'node:os';
import type { Authority } from '../../../common/net/host.ts';
import { readIpAddress } from '../../../common/net/ip-address.ts';

const TABLES = ['/proc/net/tcp', '/proc/net/tcp6'] as const;
const MAPPED_PREFIX = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];

/**
 * Finds the user (uid) of the socket at the other end of a TCP connection within this network name space, from /proc/net/tcp
 * (proc(5)). Reading it costs up to milliseconds on a busy machine, so connections accepted meanwhile share the next reading.
 */
export class TcpOwners {
  #next: Promise<readonly string[]> | undefined;
  #current: Promise<unknown> = Promise.resolve();
  /** What the last reading that was asked for it says of all ends: many may ask at once. */
  #ends: { readonly of: readonly string[]; readonly held: SocketEnds } | undefined;

  /** `local` and `remote` as the other end sees them. Undefined when there is no such socket, or nobody holds it any more. */
  async uidOf(local: Authority, remote: Authority): Promise<number | undefined> {
    return findIn(await this.#read(), local, remote);
  }

  /** The sockets at `host` that are connected to `remote` and were not told of an end; none when `ours` is gone. */
  async callersOf(
    host: string,
    remote: Authority,
    ours: readonly [local: Authority, remote: Authority],
  ): Promise<Caller[]> {
    const tables = await this.#read();
    return findIn(tables, ...ours) === undefined ? [] : tables.flatMap((table) => findCallers(table, host, remote));
  }

  /**
   * Whether nobody reads any more what is sent to this end: who held its socket has closed it, or the connection is gone
   * here too. False where it cannot be seen, as for an agent in another name space.
   */
  async isAbandoned(end: Authority): Promise<boolean> {
    // A table that changes while it is read may lack a row: only what shows twice is so.
    for (let reading = 0; reading < 2; reading += 1) {
      const tables = await this.#read();
      if (this.#ends?.of !== tables) this.#ends = { of: tables, held: readEnds(tables) };
      if (!isAbandoned(this.#ends.held, end)) return false;
    }
    return true;
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

/** A socket that may be the other end of a connection; `uid` is undefined when no process holds it. */
export interface Caller {
  readonly port: number;
  readonly uid: number | undefined;
}

/** Exported for its tests. */
export function findCallers(table: string, host: string, remote: Authority): Caller[] {
  return rowKeys({ host, port: 0 }, remote).flatMap((key) => {
    // ESTABLISHED, FIN_WAIT1 and FIN_WAIT2: what comes from our end has not ended.
    const row = new RegExp(`${key.replace(':0000', ':([0-9A-F]{4})')}0[145] (?:\\S+ +){3}(\\d+) +\\d+ (\\d+)`, 'g');
    return [...table.matchAll(row)].map(([, port = '', uid, inode]) => ({
      port: Number.parseInt(port, 16),
      uid: inode === '0' ? undefined : Number(uid),
    }));
  });
}

function findIn(tables: readonly string[], local: Authority, remote: Authority): number | undefined {
  for (const table of tables) {
    const uid = findOwner(table, local, remote);
    if (uid !== undefined) return uid;
  }
  return undefined;
}

/** The uid of the row with these ends; exported for its tests. */
export function findOwner(table: string, local: Authority, remote: Authority): number | undefined {
  for (const key of rowKeys(local, remote)) {
    const at = table.indexOf(key);
    if (at === -1) continue;
    // sl local rem st queues timer retransmits uid timeout inode; the key stands for local and rem.
    const fields = table.slice(at + key.length).split(/ +/, 7);
    const [uid, inode] = [Number(fields[4]), Number(fields[6])];
    // Without an inode no process holds the socket (TIME_WAIT and the like), and its uid reads 0, which is root's.
    if (Number.isInteger(uid) && inode > 0) return uid;
  }
  return undefined;
}

/** The ends of all sockets, as the kernel spells them. */
interface SocketEnds {
  /** Whether a process holds the socket whose own end this is. */
  readonly local: ReadonlyMap<string, boolean>;
  /** Of sockets that a process holds. */
  readonly remote: ReadonlySet<string>;
}

/** A socket in a table: what stands behind its two ends (state, queues, timer, retransmits, uid, timeout, inode). */
const ROW = /^ *\d+: (\S+) (\S+) (?:\S+ +){6}(\d+)/gm;

/** Exported for its tests. */
export function readEnds(tables: readonly string[]): SocketEnds {
  const local = new Map<string, boolean>();
  const remote = new Set<string>();
  for (const table of tables) {
    for (const [, own = '', other = '', inode] of table.matchAll(ROW)) {
      const isHeld = inode !== '0';
      local.set(own, isHeld || local.get(own) === true);
      if (isHeld) remote.add(other);
    }
  }
  return { local, remote };
}

/** Exported for its tests. */
export function isAbandoned({ local, remote }: SocketEnds, end: Authority): boolean {
  const names = spellings(end);
  if (names.some((name) => local.get(name) === true)) return false;
  // A reset takes our own row away; tables that show nothing at all say nothing.
  return names.some((name) => local.has(name)) || (remote.size > 0 && !names.some((name) => remote.has(name)));
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
  const forms = bytes.length === 4 ? [bytes, [...MAPPED_PREFIX, ...bytes]] : [bytes];
  return forms.map((form) => `${words(form)}:${port.toString(16).toUpperCase().padStart(4, '0')}`);
}

/** The kernel prints addresses as 32-bit words of the machine's own byte order. */
function words(bytes: Uint8Array | readonly number[]): string {
  const buffer = Buffer.from(bytes);
  if (endianness() === 'LE') buffer.swap32();
  return buffer.toString('hex').toUpperCase();
}
