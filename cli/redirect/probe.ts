import net from 'node:net';
import { UsageError } from '../../common/errors.ts';
import { type Family, PROBE_ADDRESSES, PROBE_PORT, UNROUTED_ERRORS } from '../../common/net/probe.ts';

/** Who answered at an address where nobody can. */
export type ProbeResult =
  /** A Sidekey proxy, by its Proxy-Status. */
  | 'sidekey'
  /** Somebody took the connection and said something else, or nothing. */
  | 'taken'
  /** Nobody: it left this machine, or was refused on the way. */
  | 'nobody'
  /** This machine has no route for the family: nothing can leave. */
  | 'no-route';

const PROBE_TIMEOUT_MS = 3_000;
const REQUEST = (host: string): string => `GET /sidekey-probe HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;

/** Dials the probe addresses as this user, which only root may choose; the process acts as that user meanwhile. @throws UsageError */
export async function probeAs(uid: number): Promise<Readonly<Record<Family, ProbeResult>>> {
  const own = process.geteuid?.();
  const change = uid !== own;
  if (change) actAs(uid);
  try {
    const [IPv4, IPv6] = await Promise.all([probe('IPv4'), probe('IPv6')]);
    return { IPv4, IPv6 };
  } finally {
    if (change && own !== undefined) process.seteuid?.(own);
  }
}

/** Root in a container need not have the right to. */
function actAs(uid: number): void {
  try {
    process.seteuid?.(uid);
  } catch (cause) {
    throw new UsageError('user-unchangeable', `cannot act as user ${uid}: this takes the capability SETUID`, { cause });
  }
}

function probe(family: Family): Promise<ProbeResult> {
  const address = PROBE_ADDRESSES[family];
  return new Promise((resolve) => {
    const socket = net.connect({ host: address, port: PROBE_PORT });
    let isTaken = false;
    let text = '';
    const settle = (result: ProbeResult): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(result);
    };
    const ended = (): void => settle(isTaken ? 'taken' : 'nobody');
    const timer = setTimeout(ended, PROBE_TIMEOUT_MS);
    socket.on('connect', () => {
      isTaken = true;
      socket.write(REQUEST(family === 'IPv6' ? `[${address}]` : address));
    });
    socket.on('data', (bytes) => {
      text = (text + bytes.toString('latin1')).slice(0, 8_192);
      if (/^proxy-status: sidekey;/im.test(text)) settle('sidekey');
    });
    socket.on('end', ended);
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (!isTaken && UNROUTED_ERRORS.has(error.code ?? '')) settle('no-route');
      else ended();
    });
  });
}
