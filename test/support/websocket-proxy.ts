import { randomBytes } from 'node:crypto';
import net from 'node:net';
import { createMaskingKeys } from '../../proxy/io/masking-keys.ts';
import type { HeaderList } from '../../proxy/protocols/header-list.ts';
import { RequestReader, ResponseReader } from '../../proxy/protocols/http1/message-reader.ts';
import {
  readOpening,
  readOpeningAnswer,
  writeOpening,
  writeOpeningAnswer,
} from '../../proxy/protocols/websocket/handshake.ts';
import type { WebSocketRelay } from '../../proxy/sessions/websocket/relay.ts';
import { relayOf } from './websocket-relay.ts';

export interface WebSocketProxy {
  readonly url: string;
  /** The relay of the newest connection. */
  relay(): WebSocketRelay | undefined;
  /** Cuts it and sends what that makes. */
  cut(reason: string): void;
  close(): void;
}

/** The smallest driver of handshake and relay: every connection goes to one upstream, which is given `secret`. */
export async function startWebSocketProxy(upstreamPort: number, secret: string | undefined): Promise<WebSocketProxy> {
  let relay: WebSocketRelay | undefined;
  let flush = (): void => {};
  const sockets = new Set<net.Socket>();
  const server = net.createServer((agent) => {
    const upstream = net.connect(upstreamPort, '127.0.0.1');
    for (const socket of [agent, upstream]) {
      sockets.add(socket);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => [agent, upstream].forEach((each) => each.destroy()));
    }
    open(agent, upstream, secret)
      .then((opened) => {
        relay = opened;
        flush = () => {
          writeAll(agent, () => opened.takeForAgent());
          writeAll(upstream, () => opened.takeForUpstream());
          if (opened.done) [agent, upstream].forEach((socket) => socket.end());
        };
        agent.on('data', (bytes: Buffer) => (opened.fromAgent(bytes), flush()));
        upstream.on('data', (bytes: Buffer) => (opened.fromUpstream(bytes), flush()));
        agent.on('end', () => (opened.agentEnded(), flush()));
        upstream.on('end', () => (opened.upstreamEnded(), flush()));
        flush();
      })
      .catch(() => agent.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as net.AddressInfo;
  return {
    url: `ws://127.0.0.1:${port}`,
    relay: () => relay,
    cut: (reason) => (relay?.cut(reason), flush()),
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

function writeAll(socket: net.Socket, take: () => Buffer[]): void {
  for (let out = take(); out.length > 0; out = take()) for (const bytes of out) socket.write(bytes);
}

async function open(agent: net.Socket, upstream: net.Socket, secret: string | undefined): Promise<WebSocketRelay> {
  const requests = new RequestReader();
  const asked = await readHead(agent, requests);
  const opening = readOpening('GET', asked.headers, 'upgrade');
  const key = randomBytes(16).toString('base64');
  writeOpening(asked.headers, opening, key);
  if (secret !== undefined) asked.headers.set('Authorization', `Bearer ${secret}`);
  upstream.write(head('GET / HTTP/1.1', asked.headers));
  const responses = new ResponseReader();
  responses.expect('GET');
  const answered = await readHead(upstream, responses);
  const answer = readOpeningAnswer(101, answered.headers, opening, key);
  if (answer === undefined) throw new Error('no agreement');
  writeOpeningAnswer(answered.headers, opening, answer);
  agent.write(head('HTTP/1.1 101 Switching Protocols', answered.headers));
  const secrets = secret === undefined ? [] : [secret];
  const relay = relayOf({ deflate: answer.deflate, secrets, maskingKeys: createMaskingKeys() });
  relay.fromAgent(Buffer.from(requests.takeRest()));
  relay.fromUpstream(Buffer.from(responses.takeRest()));
  return relay;
}

function readHead(socket: net.Socket, reader: RequestReader | ResponseReader): Promise<{ headers: HeaderList }> {
  return new Promise((resolve, reject) => {
    socket.once('close', () => reject(new Error('closed before a head')));
    const onData = (bytes: Buffer): void => {
      try {
        reader.receive(bytes);
        const event = reader.next();
        if (event === undefined) return;
        socket.removeListener('data', onData);
        if (event.type === 'head' || event.type === 'informational') resolve({ headers: event.head.headers });
        else reject(new Error('no head'));
      } catch (error) {
        reject(error as Error);
      }
    };
    socket.on('data', onData);
  });
}

function head(start: string, headers: HeaderList): string {
  return `${[start, ...[...headers].map(([name, value]) => `${name}: ${value}`)].join('\r\n')}\r\n\r\n`;
}
