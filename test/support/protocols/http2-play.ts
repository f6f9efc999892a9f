import { HeaderList } from '../../../proxy/protocols/header-list.ts';
import { Http2Error } from '../../../proxy/protocols/http2/http2-error.ts';
import { Http2Connection } from '../../../proxy/sessions/http2/connection.ts';
import type { Http2Event } from '../../../proxy/sessions/http2/events.ts';
import type { Http2Limits } from '../../../proxy/sessions/http2/limits.ts';
import { CLIENT_START, cutFrames, describeFrame, settings } from './http2-frames.ts';

/** What a connection said, in few words a line; the pieces of a body are joined. */
export interface Played {
  readonly events: string[];
  /** Frames written after the opening ones. */
  readonly output: string[];
  readonly error: string | undefined;
}

function fields(headers: HeaderList | undefined): string {
  if (headers === undefined || headers.size === 0) return '';
  return ` {${[...headers].map(([name, value]) => `${name}: ${value}`).join(', ')}}`;
}

function describeEvent(event: Http2Event): string {
  switch (event.type) {
    case 'request-head': {
      const { method, scheme, authority, path, protocol, headers } = event.head;
      const target = scheme === '' ? authority : `${scheme}://${authority}${path}`;
      return `request ${event.stream} ${method}${protocol === undefined ? '' : `(${protocol})`} ${target}${fields(headers)}`;
    }
    case 'response-head':
      return `response ${event.stream} ${event.head.status}${fields(event.head.headers)}`;
    case 'informational':
      return `informational ${event.stream} ${event.head.status}${fields(event.head.headers)}`;
    case 'body':
      return `body ${event.stream} ${event.bytes.toString('latin1')}`;
    case 'end':
      return `end ${event.stream}${fields(event.trailers)}`;
    case 'reset':
      return `reset ${event.stream} ${event.code} by ${event.by}`;
    case 'goaway':
      return `goaway ${event.code}`;
    case 'writable':
      return `writable ${event.stream}`;
    case 'settings':
      return 'settings';
  }
}

/** The frames that it has to say, one a line. */
export function written(connection: Http2Connection): string[] {
  return cutFrames(Buffer.concat(connection.takeOutput())).map(describeFrame);
}

/** Feeds frames and drops the events; how many there were. */
export function pull(connection: Http2Connection, ...frames: Buffer[]): number {
  connection.receive(Buffer.concat(frames));
  let count = 0;
  while (connection.next() !== undefined) count += 1;
  return count;
}

export type React = (event: Http2Event, connection: Http2Connection) => void;

/** Feeds pieces and pulls all events after each; `react` sees each event first. Bodies are consumed. */
export function drive(connection: Http2Connection, pieces: readonly Buffer[], react?: React): Played {
  const heard = hear(connection, pieces, react);
  return { ...heard, output: written(connection) };
}

/** The same, without taking the output. */
export function hear(
  connection: Http2Connection,
  pieces: readonly Buffer[],
  react: React = () => {},
): Pick<Played, 'events' | 'error'> {
  const events: string[] = [];
  let error: string | undefined;
  try {
    for (const piece of pieces) {
      connection.receive(piece);
      for (let event = connection.next(); event !== undefined; event = connection.next()) {
        react(event, connection);
        const said = describeEvent(event);
        const last = events.at(-1);
        if (event.type === 'body' && last?.startsWith(`body ${event.stream} `)) {
          events[events.length - 1] = `${last}${event.bytes.toString('latin1')}`;
        } else events.push(said);
        if (event.type === 'body') connection.consume(event.stream, event.bytes.length);
      }
    }
  } catch (caught) {
    if (!(caught instanceof Http2Error)) throw caught;
    error = caught.code;
  }
  return { events, error };
}

/** A server that has greeted a client; its opening frames are taken. */
export function startServer(options: Partial<Http2Limits> = {}): Http2Connection {
  const server = new Http2Connection('server', options);
  drive(server, [CLIENT_START]);
  return server;
}

/** A client that has met a server with these settings, and has sent a request for each method. */
export function startClient(
  methods: readonly string[] = [],
  options: Partial<Http2Limits> = {},
  start: Buffer = settings(),
): Http2Connection {
  const client = new Http2Connection('client', options);
  drive(client, [start]);
  for (const method of methods) {
    const head = { method, scheme: 'https', authority: 'a.example', path: '/', headers: new HeaderList() };
    if (client.open(head, method === 'GET' || method === 'HEAD') === undefined) throw new Error('no stream');
  }
  client.takeOutput();
  return client;
}
