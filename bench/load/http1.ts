import type net from 'node:net';
import { authorityOf, dial, targetOf } from './dial.ts';
import { driveLanes, type LoadDriver, type LoadSpec, RefusedError } from './spec.ts';
import { chatBody } from './upload.ts';

/** One kept connection that sends a request and waits for its whole answer. */
export class Http1Connection {
  readonly #socket: net.Socket;
  readonly #spec: LoadSpec;
  readonly #request: Buffer;
  #head: Buffer = Buffer.alloc(0);
  #body: Buffer[] | undefined;
  #wantedBytes: number | undefined;
  #left = -1;
  #broken: Error | undefined;
  #resolve: ((body: string) => void) | undefined;
  #reject: ((error: Error) => void) | undefined;

  constructor(socket: net.Socket, spec: LoadSpec) {
    this.#socket = socket;
    this.#spec = spec;
    this.#request = this.#get(spec.path, spec.sends);
    socket.on('data', (bytes: Buffer) => this.#receive(bytes));
    socket.on('error', (error) => this.#fail(error));
    socket.on('close', () => this.#fail(new Error('connection closed by the forwarder')));
  }

  /** @throws Error when the answer is not 200 with the promised length */
  request(): Promise<string> {
    return this.#exchange(this.#request, this.#spec.bytes, undefined);
  }

  /** The body of an answer of any length. */
  read(path: string): Promise<string> {
    return this.#exchange(this.#get(path), undefined, []);
  }

  close(): void {
    this.#reject = undefined;
    this.#socket.destroy();
  }

  #fail(error: Error): void {
    this.#broken ??= error;
    this.#reject?.(error);
  }

  #get(path: string, sends?: number): Buffer {
    const line = `${sends === undefined ? 'GET' : 'POST'} ${targetOf(this.#spec, path)} HTTP/1.1\r\n`;
    const fields = `Host: ${authorityOf(this.#spec)}\r\nUser-Agent: bench\r\nAccept: */*\r\n`;
    if (sends === undefined) return Buffer.from(`${line}${fields}\r\n`);
    const content = `Content-Type: application/json\r\nContent-Length: ${sends}\r\n\r\n${chatBody(sends)}`;
    return Buffer.from(`${line}${fields}${content}`);
  }

  #exchange(request: Buffer, bytes: number | undefined, body: Buffer[] | undefined): Promise<string> {
    return new Promise((resolve, reject) => {
      if (this.#broken !== undefined) return reject(this.#broken);
      this.#resolve = resolve;
      this.#reject = reject;
      this.#head = Buffer.alloc(0);
      this.#left = -1;
      this.#wantedBytes = bytes;
      this.#body = body;
      this.#socket.write(request);
    });
  }

  #receive(bytes: Buffer): void {
    let rest = bytes;
    if (this.#left < 0) {
      this.#head = this.#head.length === 0 ? bytes : Buffer.concat([this.#head, bytes]);
      const end = this.#head.indexOf('\r\n\r\n');
      if (end < 0) return;
      rest = this.#head.subarray(end + 4);
      const length = this.#readLength(this.#head.toString('latin1', 0, end));
      if (length === undefined) return;
      this.#left = length;
    }
    this.#body?.push(rest);
    this.#left -= rest.length;
    if (this.#left < 0) this.#reject?.(new Error('more bytes than promised'));
    if (this.#left === 0) {
      this.#left = -1;
      this.#head = Buffer.alloc(0);
      this.#resolve?.(this.#body === undefined ? '' : Buffer.concat(this.#body).toString('latin1'));
    }
  }

  #readLength(head: string): number | undefined {
    if (!head.startsWith('HTTP/1.1 200')) {
      const excerpt = this.#head.toString('latin1', 0, 600);
      this.#reject?.(new RefusedError(`wrong answer: ${excerpt}`));
      return undefined;
    }
    const length = Number(/content-length: ?(\d+)/i.exec(head)?.[1] ?? Number.NaN);
    if (Number.isNaN(length) || (this.#wantedBytes !== undefined && length !== this.#wantedBytes)) {
      this.#reject?.(new Error(`wrong length ${length}: ${head}`));
      return undefined;
    }
    return length;
  }
}

const OPEN_AT_ONCE = 16;

/** Opens the connections a few at a time and sends one request on each. */
export async function openHttp1(spec: LoadSpec): Promise<LoadDriver> {
  const connections: Http1Connection[] = [];
  const open = async (): Promise<void> => {
    const connection = new Http1Connection(await dial(spec, 'http/1.1'), spec);
    connections.push(connection);
    await connection.request();
  };
  const first = new Http1Connection(await dial(spec, 'http/1.1'), spec);
  connections.push(first);
  const echo = spec.echoPath === undefined ? undefined : await first.read(spec.echoPath);
  await first.request();
  while (connections.length < spec.connections) {
    const missing = Math.min(OPEN_AT_ONCE, spec.connections - connections.length);
    await Promise.all(Array.from({ length: missing }, open));
  }
  const lanes = Array.from({ length: spec.inFlight ?? spec.connections }, (_, lane) =>
    byTurns(connections, lane, spec),
  );
  return {
    echo,
    run: (ms, perSecond) => driveLanes(perSecond === undefined ? lanes : lanes.slice(0, 4), ms, perSecond),
  };
}

/** A lane has every n-th connection to itself. */
function byTurns(all: readonly Http1Connection[], lane: number, { inFlight }: LoadSpec): () => Promise<unknown> {
  const own = inFlight === undefined ? all.slice(lane, lane + 1) : all.filter((_, index) => index % inFlight === lane);
  let turn = 0;
  return async () => {
    const connection = own[turn % own.length];
    turn += 1;
    return connection?.request();
  };
}
