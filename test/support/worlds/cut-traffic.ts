import { once } from 'node:events';
import type http from 'node:http';
import type http2 from 'node:http2';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { gzipSync } from 'node:zlib';
import type { Random } from '../random.ts';
import { SECRET } from './proxy-world.ts';
import type { RawAgent } from '../agents/raw-agent.ts';

/** Each byte of a call's body, either way, tells whose it is. */
const bodyOf = (id: number, size: number): Buffer => Buffer.alloc(size, `#${id.toString().padStart(7, '0')}#`);
const ownersOf = (bytes: Buffer | string): Set<number> =>
  new Set([...bytes.toString('latin1').matchAll(/#(\d{7})#/g)].map(([, id]) => Number(id)));

const ENDS = [
  ...['', '', '', 'length', 'length', 'close', 'early', 'reset', 'destroy', 'silent'],
  ...['gzip', 'gzip', 'gzip-half', 'gzip-reset'],
] as const;
const SIZES = [0, 9, 900, 4_095, 4_097, 16_384, 70_000] as const;

/** TLS sockets have no way to do it. */
function reset(socket: Socket): void {
  if (socket instanceof TLSSocket) socket.destroy();
  else socket.resetAndDestroy();
}

interface Asked {
  readonly id: number;
  readonly size: number;
  readonly end: string;
}

/** A damaged size is none. */
function askedOf(target = '/'): Asked {
  const { pathname, searchParams: query } = new URL(target, 'http://u');
  return { id: Number(pathname.slice(1)), size: Number(query.get('size')) || 0, end: query.get('end') ?? '' };
}

/** Calls that either side may cut at any point, and the upstreams of them; who hears what is another's, or the secret, is a stranger. */
export class CutTraffic {
  calls = 0;
  readonly strangers: string[] = [];
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  answer(request: http.IncomingMessage, response: http.ServerResponse): void {
    const { id, size, end } = askedOf(request.url);
    this.#watch(id, request);
    response.on('error', () => {});
    response.setHeader('X-Echo', request.headers.authorization ?? '');
    if (end === 'silent') return void setTimeout(() => request.socket.destroy(), this.#random.below(20));
    const go = (): void => {
      if (end === 'length') response.setHeader('Content-Length', size);
      if (end === 'close') response.setHeader('Connection', 'close');
      if (end.startsWith('gzip')) return this.#answerCoded(request, response);
      response.write(bodyOf(id, size >> 1));
      const rest = (): void => {
        if (end === 'reset') return reset(request.socket);
        if (end === 'destroy') return void request.socket.destroy();
        response.end(bodyOf(id, size - (size >> 1)));
      };
      if (this.#random.below(2) === 0) setTimeout(rest, this.#random.below(5));
      else rest();
    };
    if (end === 'early') go();
    else request.on('end', go);
  }

  /** Which the proxy decodes on the way; half of it, or all. */
  #answerCoded(request: http.IncomingMessage, response: http.ServerResponse): void {
    const { id, size, end } = askedOf(request.url);
    response.setHeader('Content-Encoding', 'gzip');
    const coded = gzipSync(bodyOf(id, size), { level: this.#random.pick([0, 6]) });
    const whole = end === 'gzip' ? coded.length : coded.length >> 1;
    for (let at = 0; at < whole; at += 5_000) response.write(coded.subarray(at, Math.min(whole, at + 5_000)));
    if (end === 'gzip-reset') reset(request.socket);
    else response.end();
  }

  answerStream(stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders): void {
    const { id, size, end } = askedOf(headers[':path']);
    this.#watch(id, stream);
    const go = (): void => {
      if (stream.destroyed) return;
      if (end === 'silent') return stream.close(this.#random.pick([2, 7, 8]));
      stream.respond({ ':status': 200, 'x-echo': headers.authorization ?? '' });
      stream.write(bodyOf(id, size >> 1));
      if (end === 'reset') return stream.close(2);
      if (end === 'destroy') return void stream.session?.destroy();
      // close() would have it refuse further streams while it reads.
      if (end === 'close') stream.session?.goaway();
      setTimeout(() => stream.destroyed || stream.end(bodyOf(id, size - (size >> 1))), this.#random.below(5));
    };
    // Node 20 corrupts its own heap where a session is told to send while it still reads (CVE-2026-56848, nodejs/node#64113).
    const later = (): void => void setImmediate(go);
    if (end === 'early') later();
    else stream.on('end', later);
    if (end !== 'early') stream.resume();
  }

  /** What the upstream is sent of the body is this call's own. */
  #watch(id: number, request: http.IncomingMessage | http2.ServerHttp2Stream): void {
    request.on('error', () => {});
    request.on('data', (bytes: Buffer) => {
      for (const owner of ownersOf(bytes)) if (owner !== id) this.strangers.push(`upstream of ${id} was sent ${owner}`);
    });
  }

  /** `before`: what opens the way, such as a handshake of SOCKS. */
  async talkHttp1(authority: string, agent: RawAgent, form: string, before: Buffer = Buffer.alloc(0)): Promise<void> {
    const ids = new Set<number>();
    const parts: Buffer[] = [before];
    for (let left = 1 + this.#random.below(8); left > 0; left -= 1) {
      const id = (this.calls += 1);
      ids.add(id);
      const body = bodyOf(id, this.#random.pick(SIZES));
      const target = `/${id}?size=${this.#random.pick(SIZES)}&end=${this.#random.pick(ENDS)}`;
      const method = this.#random.pick(['GET', 'POST', 'PUT']);
      const length = method === 'GET' ? '' : `Content-Length: ${body.length}\r\n`;
      parts.push(Buffer.from(`${method} ${form}${target} HTTP/1.1\r\nHost: ${authority}\r\n${length}\r\n`));
      if (method !== 'GET') parts.push(body);
    }
    const bytes = Buffer.concat(parts);
    if (this.#random.below(4) === 0) this.#damage(bytes);
    const over = (async () => {
      for (let at = 0; at < bytes.length && !agent.socket.destroyed; ) {
        const piece = bytes.subarray(at, at + 1 + this.#random.below(this.#random.pick([30, 3_000, 300_000])));
        agent.send(piece);
        at += piece.length;
        if (this.#random.below(4) === 0) await new Promise((resolve) => setImmediate(resolve));
      }
      agent.socket.end();
      await agent.closed();
    })();
    await this.#cutSomewhere(() => {
      if (this.#random.below(2) === 0) agent.destroy();
      else reset(agent.socket);
    }, over);
    if (agent.received.includes(SECRET)) this.strangers.push(`agent of ${[...ids]} was sent the secret`);
    for (const owner of ownersOf(agent.received)) {
      if (!ids.has(owner)) this.strangers.push(`agent of ${[...ids]} was sent ${owner}`);
    }
    agent.destroy();
  }

  async talkHttp2(session: http2.ClientHttp2Session): Promise<void> {
    const streams = Array.from({ length: 1 + this.#random.below(8) }, async () => {
      const id = (this.calls += 1);
      const path = `/${id}?size=${this.#random.pick(SIZES)}&end=${this.#random.pick(ENDS)}`;
      const stream = session.request({ ':method': 'POST', ':path': path });
      stream.on('error', () => {});
      stream.on('response', (headers) => {
        if (headers['x-echo']?.includes(SECRET)) this.strangers.push(`stream ${id} was sent the secret`);
      });
      stream.on('data', (bytes: Buffer) => {
        for (const owner of ownersOf(bytes)) if (owner !== id) this.strangers.push(`stream ${id} was sent ${owner}`);
      });
      stream.end(bodyOf(id, this.#random.pick(SIZES)));
      if (this.#random.below(4) === 0) setTimeout(() => stream.close(8), this.#random.below(20));
      if (!stream.closed) await once(stream, 'close').catch(() => {});
    });
    await this.#cutSomewhere(() => session.destroy(), Promise.all(streams));
    await new Promise((resolve) => setImmediate(resolve));
    session.destroy();
  }

  /** Half of them go on undisturbed until they are over. */
  #cutSomewhere(cut: () => void, over: Promise<unknown>): Promise<unknown> {
    if (this.#random.below(2) === 0) return over;
    const cutOff = new Promise<void>((resolve) => {
      setTimeout(() => {
        cut();
        resolve();
      }, this.#random.below(40));
    });
    return Promise.race([over, cutOff]);
  }

  /** One byte, but none that tells whose a call is. */
  #damage(bytes: Buffer): void {
    const at = this.#random.below(Math.min(bytes.length, 400));
    if (!/[0-9#/?]/.test(String.fromCharCode(bytes[at] ?? 0)))
      bytes[at] = this.#random.pick([0, 9, 10, 13, 32, 58, 65, 127, 255]);
  }
}
