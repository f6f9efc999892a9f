import type { Socket } from 'node:net';
import { fieldName } from '../../../proxy/protocols/header-list.ts';
import type { Http2Connection } from '../../../proxy/sessions/http2/connection.ts';
import type { React } from './http2-play.ts';

/** Drives a connection by a socket, as little as it takes. Call the result after calls that make output. */
export function driveBySocket(socket: Socket, connection: Http2Connection, react: React): () => void {
  const flush = (): void => {
    if (socket.destroyed || socket.writableNeedDrain) return;
    for (const bytes of connection.takeOutput()) socket.write(bytes);
  };
  socket.setNoDelay(true);
  socket.on('drain', flush);
  socket.on('error', () => socket.destroy());
  socket.on('end', () => socket.end());
  socket.on('data', (bytes) => {
    try {
      connection.receive(bytes);
      for (let event = connection.next(); event !== undefined; event = connection.next()) react(event, connection);
      flush();
    } catch (error) {
      flush();
      socket.destroy(error instanceof Error ? error : undefined);
    }
  });
  flush();
  return flush;
}

/** Answers each request with what it said: its x- fields, its body and its trailers. */
export function echo(): React {
  const held = new Map<number, number>();
  return (event, connection) => {
    switch (event.type) {
      case 'request-head': {
        const { headers, method, path } = event.head;
        for (const [name] of [...headers]) if (!name.startsWith('x-')) headers.delete(fieldName(name));
        headers.append('x-line', `${method} ${path}`);
        connection.sendHead(event.stream, { status: 200, headers }, false);
        return;
      }
      case 'body':
        if (connection.sendData(event.stream, event.bytes)) connection.consume(event.stream, event.bytes.length);
        else held.set(event.stream, (held.get(event.stream) ?? 0) + event.bytes.length);
        return;
      case 'writable':
        connection.consume(event.stream, held.get(event.stream) ?? 0);
        held.delete(event.stream);
        return;
      case 'end':
        connection.sendEnd(event.stream, event.trailers);
        // What waits for the peer's window is ours by now.
        connection.consume(event.stream, held.get(event.stream) ?? 0);
        held.delete(event.stream);
        return;
      case 'reset':
        held.delete(event.stream);
        return;
      default:
    }
  };
}
