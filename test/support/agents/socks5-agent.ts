import { once } from 'node:events';
import net, { type Socket } from 'node:net';

/** A connection to this host by its name through a SOCKS 5 proxy on loopback (RFC 1928, no authentication). */
export async function socks5(proxyPort: number, host: string, port: number): Promise<Socket> {
  const socket = net.connect(proxyPort, '127.0.0.1');
  socket.on('error', () => {});
  const granted = Buffer.from([5, 0, 5, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
  socket.write(Buffer.from([5, 1, 0, 5, 1, 0, 3, host.length, ...Buffer.from(host), port >> 8, port & 255]));
  let answer = Buffer.alloc(0);
  while (answer.length < granted.length && !socket.destroyed) {
    await Promise.race([once(socket, 'readable'), once(socket, 'close')]);
    const piece: Buffer | null = socket.read();
    if (piece !== null) answer = Buffer.concat([answer, piece]);
  }
  if (!answer.equals(granted)) {
    socket.destroy();
    throw new Error(`SOCKS 5: ${answer.toString('hex')}`);
  }
  return socket;
}
