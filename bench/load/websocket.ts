import { randomBytes } from 'node:crypto';
import type net from 'node:net';
import { acceptOf, echoedFrame, maskedFrame } from '../websocket-frames.ts';
import { authorityOf, dial, targetOf } from './dial.ts';
import { driveLanes, type LoadDriver, type LoadSpec, RefusedError } from './spec.ts';

/** WebSockets that each send a small masked text frame and wait for its echo. */
export async function openWebsockets(spec: LoadSpec): Promise<LoadDriver> {
  const sockets: EchoSocket[] = [];
  for (let index = 0; index < spec.connections; index += 1) {
    const socket = await openOne(spec);
    sockets.push(socket);
    await socket.roundTrip();
  }
  return {
    echo: undefined,
    run: (ms, perSecond) =>
      driveLanes(
        (perSecond === undefined ? sockets : sockets.slice(0, 4)).map((one) => () => one.roundTrip()),
        ms,
        perSecond,
      ),
  };
}

async function openOne(spec: LoadSpec): Promise<EchoSocket> {
  const socket = await dial(spec, 'http/1.1');
  const key = randomBytes(16).toString('base64');
  const head = [
    `GET ${targetOf(spec, spec.path)} HTTP/1.1`,
    `Host: ${authorityOf(spec)}`,
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    `Sec-WebSocket-Key: ${key}`,
  ];
  socket.write(`${head.join('\r\n')}\r\n\r\n`);
  const answer = await readHead(socket);
  if (!answer.startsWith('HTTP/1.1 101 ')) throw new RefusedError(answer);
  if (!answer.includes(acceptOf(key))) throw new Error(`wrong Sec-WebSocket-Accept: ${answer}`);
  return new EchoSocket(socket, spec.bytes);
}

/** The head of the answer; the server sends no frame before it has been asked. */
function readHead(socket: net.Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const read = (bytes: Buffer): void => {
      text += bytes.toString('latin1');
      if (!text.includes('\r\n\r\n')) return;
      socket.removeListener('data', read);
      resolve(text);
    };
    socket.on('data', read);
    socket.once('close', () => reject(new RefusedError('closed without an answer to the WebSocket handshake')));
    socket.once('error', reject);
  });
}

class EchoSocket {
  readonly #socket: net.Socket;
  readonly #frame: Buffer;
  readonly #wanted: Buffer;
  #left: Buffer = Buffer.alloc(0);
  #broken: Error | undefined;
  #resolve: (() => void) | undefined;
  #reject: ((error: Error) => void) | undefined;

  constructor(socket: net.Socket, bytes: number) {
    this.#socket = socket;
    this.#frame = maskedFrame(bytes);
    this.#wanted = echoedFrame(bytes);
    socket.on('data', (received: Buffer) => this.#receive(received));
    socket.on('error', (error) => this.#fail(error));
    socket.on('close', () => this.#fail(new Error('WebSocket closed by the forwarder')));
  }

  roundTrip(): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#broken !== undefined) return reject(this.#broken);
      this.#resolve = resolve;
      this.#reject = reject;
      this.#socket.write(this.#frame);
    });
  }

  #fail(error: Error): void {
    this.#broken ??= error;
    this.#reject?.(error);
  }

  #receive(received: Buffer): void {
    const bytes = this.#left.length === 0 ? received : Buffer.concat([this.#left, received]);
    if (bytes.length < this.#wanted.length) {
      this.#left = bytes;
      return;
    }
    this.#left = Buffer.alloc(0);
    if (bytes.equals(this.#wanted)) this.#resolve?.();
    else this.#reject?.(new Error(`wrong frame: ${bytes.toString('hex', 0, 32)}`));
  }
}
