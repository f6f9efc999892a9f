import net from 'node:net';
import tls from 'node:tls';
import { serveParent } from './child.ts';

/** Answers every request head with a body of `?N` bytes; checks the bearer token on paths under /secret. */
interface Config {
  readonly tls?: { key: string; cert: string };
}

const TOKEN = 'authorization: bearer bench-credential-0123456789';

serveParent<Config>(async (config) => {
  const bodies = new Map<number, Buffer>();
  const answer = (bytes: number): Buffer => {
    let whole = bodies.get(bytes);
    if (whole === undefined) {
      const head = `HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: ${bytes}\r\n\r\n`;
      whole = Buffer.concat([Buffer.from(head), Buffer.alloc(bytes, 'x')]);
      bodies.set(bytes, whole);
    }
    return whole;
  };
  const unauthorized = Buffer.from('HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n');
  const serve = (socket: net.Socket): void => {
    let pending = '';
    socket.on('error', () => socket.destroy());
    socket.on('data', (bytes: Buffer) => {
      pending += bytes.toString('latin1');
      for (let end = pending.indexOf('\r\n\r\n'); end >= 0; end = pending.indexOf('\r\n\r\n')) {
        const head = pending.slice(0, end);
        pending = pending.slice(end + 4);
        const wanted = Number(/^GET \/(?:secret\/)?(\d+) /.exec(head)?.[1] ?? '0');
        const allowed = !head.startsWith('GET /secret/') || head.toLowerCase().includes(TOKEN);
        socket.write(allowed ? answer(wanted) : unauthorized);
      }
    });
  };
  const server =
    config.tls === undefined ? net.createServer({ noDelay: true }, serve) : tls.createServer(config.tls, serve);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', 1024, resolve));
  return (server.address() as net.AddressInfo).port;
});
