import net, { type AddressInfo, type Socket } from 'node:net';
import tls from 'node:tls';
import { PASSWORD, USER } from './corporate-proxies.ts';
import type { Random } from '../random.ts';

const BASIC = Buffer.from(`${USER}:${PASSWORD}`).toString('base64');
/** Of SOCKS 5, its answers in order; HTTP has one. */
const METHOD_NONE = Buffer.from([5, 0]);
const METHOD_PASSWORD = Buffer.from([5, 2]);
const WELCOME = Buffer.from([1, 0]);
const GRANTED = [
  Buffer.from([5, 0, 0, 1, 0, 0, 0, 0, 0, 0]),
  Buffer.from([5, 0, 0, 4, ...new Uint8Array(18)]),
  Buffer.from([5, 0, 0, 3, 3, 97, 46, 98, 0, 80]),
] as const;
const CONNECTED = [
  'HTTP/1.1 200 OK\r\n\r\n',
  'HTTP/1.0 200 Connection established\r\nVia: x\r\nContent-Length: 7\r\n\r\n',
  'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n',
] as const;
const REFUSED = ['407 Who', '403 No', '502 Bad', '504 Late', '301 There', '204 Empty'] as const;

/** A proxy between Sidekey and the upstreams, which breaks off, lies or falls silent at any byte of what it says and passes on. */
export class CuttingProxy {
  /** What it was asked that it never should be. */
  readonly faults: string[] = [];
  readonly sockets = new Set<Socket>();
  tunnels = 0;
  readonly #random: Random;
  readonly #server: net.Server;

  constructor(scheme: string, random: Random, identity: { key: string; cert: string }) {
    this.#random = random;
    const serve = (socket: Socket): void => {
      this.sockets.add(socket.once('close', () => this.sockets.delete(socket)));
      socket.on('error', () => socket.destroy());
      if (random.below(12) === 0) this.#leave(socket);
      else if (scheme.startsWith('socks5')) this.#serveSocks(socket);
      else this.#serveHttp(socket);
    };
    this.#server = scheme === 'https' ? tls.createServer(identity, serve) : net.createServer(serve);
    this.#server.on('tlsClientError', () => {});
  }

  async listen(): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return (this.#server.address() as AddressInfo).port;
  }

  close(): void {
    this.#server.close();
    for (const socket of this.sockets) socket.destroy();
  }

  #serveHttp(socket: Socket): void {
    let head = '';
    const read = (bytes: Buffer): void => {
      head += bytes.toString('latin1');
      if (!head.includes('\r\n\r\n')) return;
      socket.removeListener('data', read);
      const port = /^CONNECT \S+:(\d+) HTTP\/1\.1\r\nHost: \S+\r\nProxy-Authorization: Basic (\S+)\r\n\r\n$/.exec(head);
      if (port?.[2] !== BASIC) this.faults.push(`the proxy was asked ${JSON.stringify(head)}`);
      const refused = this.#random.below(10) === 0;
      const answer = refused
        ? `HTTP/1.1 ${this.#random.pick(REFUSED)}\r\nContent-Length: 0\r\n\r\n`
        : this.#random.pick(CONNECTED);
      this.#say(socket, Buffer.from(answer), () => this.#relay(socket, Number(port?.[1])));
    };
    socket.on('data', read);
  }

  #serveSocks(socket: Socket): void {
    let step = 0;
    let pending: Buffer = Buffer.alloc(0);
    const read = (bytes: Buffer): void => {
      pending = Buffer.concat([pending, bytes]);
      if (step === 0 && pending.length >= 4) {
        if (pending.toString('hex') !== '05020002')
          this.faults.push(`the proxy was greeted ${pending.toString('hex')}`);
        const isOpen = this.#random.below(3) === 0;
        step = isOpen ? 2 : 1;
        pending = Buffer.alloc(0);
        return this.#say(socket, isOpen ? METHOD_NONE : METHOD_PASSWORD, () => {});
      }
      const named = 3 + USER.length + PASSWORD.length;
      if (step === 1 && pending.length >= named) {
        if (
          pending.toString('latin1') !==
          `\x01${String.fromCharCode(USER.length)}${USER}${String.fromCharCode(PASSWORD.length)}${PASSWORD}`
        )
          this.faults.push('the proxy was told another name or password');
        step = 2;
        pending = Buffer.alloc(0);
        return this.#say(socket, this.#random.below(12) === 0 ? Buffer.from([1, 1]) : WELCOME, () => {});
      }
      if (step !== 2 || pending.length < 5) return;
      const end = 4 + (pending[3] === 1 ? 4 : pending[3] === 4 ? 16 : 1 + (pending[4] ?? 0)) + 2;
      if (pending.length < end) return;
      if (pending.length > end) this.faults.push('the proxy was sent more than its request');
      const port = pending.readUInt16BE(end - 2);
      socket.removeListener('data', read);
      const refused = this.#random.below(10) === 0;
      const answer = refused
        ? Buffer.from([5, 1 + this.#random.below(9), 0, 1, 0, 0, 0, 0, 0, 0])
        : this.#random.pick(GRANTED);
      this.#say(socket, answer, () => this.#relay(socket, port));
    };
    socket.on('data', read);
  }

  /** Mostly says it whole, in pieces. */
  #say(socket: Socket, answer: Buffer, then: () => void): void {
    const bytes = Buffer.from(answer);
    const act = this.#random.below(24);
    if (act === 0) return this.#leave(socket);
    if (act === 1) bytes[this.#random.below(bytes.length)] = this.#random.below(256);
    const sent = act > 3 || act === 1 ? bytes : bytes.subarray(0, this.#random.below(bytes.length));
    const size = 1 + this.#random.below(this.#random.pick([2, 100]));
    for (let at = 0; at < sent.length; at += size) socket.write(sent.subarray(at, at + size));
    if (sent.length < bytes.length) this.#leave(socket);
    else then();
  }

  #leave(socket: Socket): void {
    // Else it would never hear that the other end has gone.
    socket.resume();
    const act = this.#random.below(4);
    if (act === 0) socket.end();
    else if (act === 1) socket.destroy();
    // Behind its own end, Node would never say that it closed.
    else if (act === 2 && !(socket instanceof tls.TLSSocket) && !socket.writableEnded) socket.resetAndDestroy();
    else setTimeout(() => socket.destroy(), this.#random.below(50));
  }

  /** Half of them pass everything on. */
  #relay(agent: Socket, port: number): void {
    this.tunnels += 1;
    const upstream = net.connect(port, '127.0.0.1');
    let left =
      this.#random.below(2) === 0
        ? Number.POSITIVE_INFINITY
        : 1 + this.#random.below(this.#random.pick([300, 3_000, 100_000]));
    for (const [one, other] of [
      [agent, upstream],
      [upstream, agent],
    ] as const) {
      one.on('data', (bytes: Buffer) => {
        if (left <= 0) return;
        other.write(bytes.subarray(0, Math.min(bytes.length, left)));
        left -= bytes.length;
        if (left > 0) return;
        this.#leave(agent);
        upstream.destroy();
      });
      one.on('error', () => other.destroy());
      one.on('end', () => other.end());
      one.on('close', () => other.destroy());
    }
  }
}
