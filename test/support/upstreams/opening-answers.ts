import type http2 from 'node:http2';
import type net from 'node:net';
import { acceptFor } from '../../../proxy/protocols/websocket/handshake.ts';
import { SECRET } from '../worlds/proxy-world.ts';
import type { Random } from '../random.ts';
import { frame, hear } from '../protocols/websocket-frames.ts';

/** What tells whose a call is, in every text that belongs to it. */
export const markOf = (id: number | string): string => `#${String(id).padStart(7, '0')}#`;
export const ownersOf = (text: string): string[] => [...text.matchAll(/#\d{7}#/g)].map(([mark]) => mark);

interface Request {
  readonly line: string;
  readonly id: string;
  readonly headers: ReadonlyMap<string, string>;
}

/**
 * Upstreams that answer the opening of a WebSocket in every way there is, right or wrong, and say more behind it; cut and
 * damaged at any byte. What they hear that is no request or no frame of the call in question is a fault.
 */
export class OpeningAnswers {
  readonly faults: string[] = [];
  /** By call: whether the last answer was an agreement; undefined where damage leaves it open. */
  readonly agreed = new Map<string, boolean | undefined>();
  opened = 0;
  /** Of HTTP/2, those that are open. */
  readonly streams = new Set<http2.ServerHttp2Stream>();
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  /** A connection in HTTP/1.1. */
  serve(socket: net.Socket): void {
    const random = this.#random;
    let pending = '';
    const read = (bytes: Buffer): void => {
      pending += bytes.toString('latin1');
      for (;;) {
        const end = pending.indexOf('\r\n\r\n') + 4;
        if (end < 4 || socket.destroyed) return;
        const request = this.#readHead(pending.slice(0, end));
        const size = bodySize(request, pending.slice(end));
        if (size === undefined) return;
        pending = pending.slice(end + size);
        if (request.headers.get('upgrade') === undefined && random.below(10) > 0) {
          socket.write(`HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n${markOf(request.id)}`);
          continue;
        }
        const upgraded = this.#answer(socket, request);
        if (!upgraded) continue;
        socket.removeListener('data', read);
        this.#listen(socket, request.id);
        return;
      }
    };
    socket.on('error', () => socket.destroy());
    socket.on('data', read);
  }

  #readHead(text: string): Request {
    const [line = '', ...lines] = text.slice(0, -4).split('\r\n');
    const id = /^(?:GET|HEAD|POST) \/(\d+) HTTP\/1\.1$/.exec(line)?.[1] ?? '';
    const headers = new Map(
      lines.map((one) => {
        const colon = one.indexOf(':');
        return [one.slice(0, colon).toLowerCase(), one.slice(colon + 1).trim()];
      }),
    );
    if (id === '') this.faults.push(`the upstream was asked ${JSON.stringify(line)}`);
    const isTwofold = headers.has('upgrade') && headers.size < lines.length;
    if (headers.get('authorization') !== `Bearer ${SECRET}` || isTwofold)
      this.faults.push(`the upstream was sent ${JSON.stringify(text)}`);
    return { line, id, headers };
  }

  /** True when the connection is no longer one of HTTP. */
  #answer(socket: net.Socket, request: Request): boolean {
    const random = this.#random;
    const { head, agrees, upgrades } = this.#head(request);
    const bytes = Buffer.concat([Buffer.from(head, 'latin1'), ...this.#behind(request.id, upgrades)]);
    const isDamaged = random.below(6) === 0;
    if (isDamaged) bytes[random.below(Math.min(bytes.length, 300))] = random.pick([0, 10, 13, 32, 44, 58, 120, 255]);
    this.agreed.set(request.id, isDamaged ? undefined : agrees);
    const whole = random.below(4) > 0;
    const sent = whole ? bytes : bytes.subarray(0, random.below(bytes.length + 1));
    const size = 1 + random.below(random.pick([3, 60, 100_000]));
    for (let at = 0; at < sent.length; at += size) socket.write(sent.subarray(at, at + size));
    if (!whole) this.#leave(socket);
    else if (random.below(3) === 0) setTimeout(() => this.#leave(socket), random.below(20));
    return upgrades;
  }

  #leave(socket: net.Socket): void {
    if (this.#random.below(2) === 0) socket.end();
    else socket.destroy();
  }

  #head({ id, headers, line }: Request): { head: string; agrees: boolean; upgrades: boolean } {
    const random = this.#random;
    const key = headers.get('sec-websocket-key');
    const interim = random.pick(['', '', '', `HTTP/1.1 103 Early Hints\r\nLink: ${SECRET}\r\n\r\n`]);
    const echo = `X-Echo: ${headers.get('authorization') ?? ''}${markOf(id)}\r\n`;
    if (random.below(3) === 0)
      return { head: interim + this.#ordinary(id, line, echo), agrees: false, upgrades: false };
    const [upgrade, upgradeIsRight] = random.pick([
      ...Array.from({ length: 6 }, () => ['Upgrade: websocket\r\nConnection: Upgrade\r\n', true] as const),
      ['upgrade: WebSocket\r\nconnection: keep-alive, upgrade\r\n', true],
      ['Upgrade: h2c\r\nConnection: Upgrade\r\n', false],
      ['Upgrade: websocket\r\n', false],
      ['Upgrade: websocket, h2c\r\nConnection: Upgrade\r\n', false],
      ['', false],
    ] as const);
    const right = acceptFor(key ?? '');
    const [accept, acceptIsRight] = random.pick([
      ...Array.from({ length: 6 }, () => [`Sec-WebSocket-Accept: ${right}\r\n`, true] as const),
      [`Sec-WebSocket-Accept: ${acceptFor('another')}\r\n`, false],
      [`Sec-WebSocket-Accept: ${right}\r\nSec-WebSocket-Accept: ${right}\r\n`, false],
      ['', false],
    ] as const);
    const { text: chosen, isRight } = this.choices((name) => headers.get(name));
    const length = random.pick(['', '', '', 'Content-Length: 0\r\n', 'Content-Length: 9\r\n']);
    const agrees = headers.has('upgrade') && upgradeIsRight && acceptIsRight && isRight;
    const head = `${interim}HTTP/1.1 101 Switching Protocols\r\n${upgrade}${accept}${chosen}${length}${echo}\r\n`;
    return { head, agrees, upgrades: true };
  }

  /** Subprotocol and extensions, as header lines; `of` gives what was offered. */
  choices(of: (name: string) => string | undefined): { text: string; list: [string, string][]; isRight: boolean } {
    const random = this.#random;
    const offered = (of('sec-websocket-protocol') ?? '').split(', ').filter((name) => name !== '');
    const list: [string, string][] = [];
    let isRight = true;
    const protocol = random.pick(['', '', offered[0] ?? '', 'foreign']);
    if (protocol !== '') list.push(['Sec-WebSocket-Protocol', protocol]);
    if (protocol === 'foreign') isRight = false;
    const deflates = of('sec-websocket-extensions') !== undefined;
    const extension = random.pick(['', '', '', deflates ? 'permessage-deflate' : '', 'x-foreign', 'a;;b']);
    if (extension !== '') list.push(['Sec-WebSocket-Extensions', extension]);
    if (extension === 'x-foreign' || extension === 'a;;b') isRight = false;
    return { text: list.map(([name, value]) => `${name}: ${value}\r\n`).join(''), list, isRight };
  }

  #ordinary(id: string, line: string, echo: string): string {
    const mark = markOf(id);
    const body = line.startsWith('HEAD') ? '' : mark;
    const end = this.#random.pick([
      `Content-Length: 9\r\n${echo}\r\n${body}`,
      `Transfer-Encoding: chunked\r\n${echo}\r\n${body === '' ? '' : `9\r\n${body}\r\n0\r\n\r\n`}`,
      `Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\nContent-Length: 0\r\n${echo}\r\n`,
    ]);
    return `HTTP/1.1 ${this.#random.pick(['200 OK', '401 No', '404 No', '426 Upgrade', '503 Busy'])}\r\n${end}`;
  }

  /** What follows the answer at once: frames, or another answer, which nobody has asked for. */
  #behind(id: string, upgrades: boolean): Buffer[] {
    const random = this.#random;
    if (!upgrades && random.below(3) > 0) return [];
    if (random.below(6) === 0) return [Buffer.from(`HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n${markOf(id)}`)];
    return this.frames(id);
  }

  frames(id: string): Buffer[] {
    const random = this.#random;
    const one = (): Buffer =>
      random.pick([
        frame({ opcode: 1, payload: `${markOf(id)}${SECRET}` }),
        frame({ opcode: 2, payload: markOf(id).repeat(random.pick([1, 20, 9_000])) }),
        frame({ opcode: 9, payload: SECRET }),
        frame({ opcode: 1, payload: SECRET.slice(0, 9), fin: false }),
        frame({ opcode: 8, payload: Buffer.concat([Buffer.from([3, 232]), Buffer.from(SECRET)]) }),
        frame({ opcode: 3, payload: markOf(id) }),
      ]);
    return Array.from({ length: random.below(4) }, one);
  }

  /** What comes on a connection that speaks WebSocket, or would. */
  #listen(socket: net.Socket, id: string): void {
    const heard: Buffer[] = [];
    socket.on('data', (bytes: Buffer) => heard.push(Buffer.from(bytes)));
    socket.once('close', () => this.heardFrames(id, heard));
  }

  heardFrames(id: string, pieces: readonly Buffer[]): void {
    if (pieces.length === 0) return;
    this.opened += 1;
    const bytes = Buffer.concat(pieces);
    const { heard, error } = hear([Buffer.from(bytes)], { masked: true, deflate: true });
    if (error !== undefined)
      this.faults.push(
        `the upstream of ${id} heard what is no frame (${error}): ${JSON.stringify(bytes.toString('latin1').slice(0, 300))}`,
      );
    for (const { text } of heard)
      for (const owner of ownersOf(text))
        if (owner !== markOf(id)) this.faults.push(`the upstream of ${id} heard ${owner}`);
  }

  /** A stream in HTTP/2. */
  serveStream(stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders): void {
    const random = this.#random;
    const id = /^\/(\d+)$/.exec(headers[':path'] ?? '')?.[1] ?? '';
    if (id === '' || headers.authorization !== `Bearer ${SECRET}`)
      this.faults.push(`the upstream was sent ${JSON.stringify(headers)}`);
    this.streams.add(stream.once('close', () => this.streams.delete(stream)));
    if (headers[':protocol'] === undefined) {
      stream.respond({ ':status': 200 });
      return void stream.end(markOf(id));
    }
    const heard: Buffer[] = [];
    const { list, isRight } = this.choices((name) => headers[name] as string | undefined);
    const status = random.pick([200, 200, 200, 200, 201, 403, 503]);
    this.agreed.set(id, status < 300 && isRight);
    stream.on('data', (bytes: Buffer) => heard.push(Buffer.from(bytes)));
    stream.once('close', () => this.heardFrames(id, status < 300 && isRight ? heard : []));
    if (random.below(8) === 0) return stream.close(random.pick([0, 2, 7, 8, 11]));
    if (random.below(20) === 0) return void stream.session?.destroy();
    const endStream = random.below(8) === 0;
    stream.respond(
      { ':status': status, ...Object.fromEntries(list), 'x-echo': headers.authorization ?? '' },
      { endStream },
    );
    if (endStream) return;
    for (const bytes of status < 300 ? this.frames(id) : [Buffer.from(markOf(id))]) stream.write(bytes);
    if (status > 299) return void stream.end();
    if (random.below(2) === 0)
      setTimeout(() => stream.destroyed || stream.close(random.pick([0, 8])), random.below(20));
  }
}

/** Undefined while it is not whole. */
function bodySize({ headers }: Request, rest: string): number | undefined {
  if (headers.get('transfer-encoding') !== undefined) {
    const end = rest.indexOf('0\r\n\r\n');
    return end === -1 ? undefined : end + 5;
  }
  const size = Number(headers.get('content-length') ?? 0);
  return rest.length < size ? undefined : size;
}
