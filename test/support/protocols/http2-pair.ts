import { ByteBudget } from '../../../common/byte-budget.ts';
import { HeaderList } from '../../../proxy/protocols/header-list.ts';
import { Http2Connection } from '../../../proxy/sessions/http2/connection.ts';
import type { Http2Event, Http2Role } from '../../../proxy/sessions/http2/events.ts';
import type { Http2Limits } from '../../../proxy/sessions/http2/limits.ts';
import type { Random } from '../random.ts';

/** One way of a stream: what was said and what was heard. */
export interface Way {
  said: string;
  heard: string;
  hasHead: boolean;
  hasEnded: boolean;
  isTold: boolean;
  trailers: string;
  heardTrailers: string;
  isBlocked: boolean;
  /** Told in `body` events and not consumed. */
  unconsumed: number;
}

export interface Talk {
  readonly id: number;
  /** By who speaks. */
  readonly client: Way;
  readonly server: Way;
  isReset: boolean;
}

function newWay(): Way {
  return {
    ...{ said: '', heard: '', trailers: '', heardTrailers: '' },
    ...{ hasHead: false, hasEnded: false, isTold: false, isBlocked: false, unconsumed: 0 },
  };
}

const other = (role: Http2Role): Http2Role => (role === 'client' ? 'server' : 'client');
const VALUES = ['a', '', 'b'.repeat(40), 'c'.repeat(1_500)];

/** Two of our connections back to back, and what passed between them. */
export class Http2Pair {
  readonly ends: Readonly<Record<Http2Role, Http2Connection>>;
  readonly talks = new Map<number, Talk>();
  readonly faults: string[] = [];
  readonly #random: Random;
  readonly #bodySizes: readonly number[];
  /** What both ends may have unread beside the first windows of their streams. */
  readonly spare = new ByteBudget(2_000_000);
  readonly #windows: Readonly<Record<Http2Role, number>>;
  /** On the way to this end. */
  readonly #wire: Record<Http2Role, Buffer> = { client: Buffer.alloc(0), server: Buffer.alloc(0) };

  constructor(random: Random, options: Readonly<Record<Http2Role, Partial<Http2Limits>>>) {
    this.#random = random;
    const windows = [options.client, options.server].map(({ streamWindowBytes = 0 }) => streamWindowBytes);
    this.#bodySizes = [0, 1, 9, 100, 5_000, 40_000, 140_000].filter((size) => size <= 400 * Math.min(...windows));
    this.#windows = {
      client: Math.max(65_535, options.client.streamWindowBytes ?? 0),
      server: Math.max(65_535, options.server.streamWindowBytes ?? 0),
    };
    this.ends = {
      client: new Http2Connection('client', options.client, this.spare),
      server: new Http2Connection('server', options.server, this.spare),
    };
  }

  /** Takes what `role` has to write, and brings the other end a piece of it, or all. */
  carry(role: Http2Role, all = false): boolean {
    const to = other(role);
    const waiting = Buffer.concat([this.#wire[to], ...this.ends[role].takeOutput()]);
    const count = all ? waiting.length : Math.min(waiting.length, 1 + this.#random.below(30_000));
    this.#wire[to] = waiting.subarray(count);
    if (count === 0) return false;
    this.ends[to].receive(Buffer.from(waiting.subarray(0, count)));
    this.pull(to);
    this.ends[to].copyUnread();
    return true;
  }

  pull(role: Http2Role): void {
    const end = this.ends[role];
    for (let event = end.next(); event !== undefined; event = end.next()) this.#hear(role, event);
  }

  #hear(role: Http2Role, event: Http2Event): void {
    if (event.type === 'settings' || event.type === 'goaway') return;
    const { stream } = event;
    if (event.type === 'request-head' && !this.talks.has(stream)) this.faults.push(`nobody opened ${stream}`);
    const talk = this.talks.get(stream);
    if (talk === undefined) return;
    const way = talk[other(role)];
    switch (event.type) {
      case 'request-head':
      case 'response-head':
        way.isTold = true;
        break;
      case 'body':
        way.heard += event.bytes.toString('latin1');
        way.unconsumed += event.bytes.length;
        this.#checkWindow(role);
        break;
      case 'end':
        way.heardTrailers = [...(event.trailers ?? [])].join();
        if (way.hasEnded === false) this.faults.push(`an end of ${stream} that was not said`);
        break;
      case 'writable':
        talk[role].isBlocked = false;
        break;
      case 'reset':
        talk.isReset = true;
        break;
      default:
    }
  }

  /** What is not consumed fits into the first windows of the streams, and what was to spare. */
  #checkWindow(role: Http2Role): void {
    let beyond = 0;
    for (const talk of this.talks.values()) {
      if (!talk.isReset) beyond += Math.max(0, talk[other(role)].unconsumed - this.#windows[role]);
    }
    if (beyond > this.spare.used) this.faults.push(`${role} has ${beyond} octets beyond its windows`);
  }

  open(): void {
    const isOver = this.#random.below(3) === 0;
    const headers = this.#headers();
    const head = { method: 'POST', scheme: 'https', authority: 'a.example', path: '/', headers };
    const id = this.ends.client.open(head, isOver);
    if (id === undefined) return;
    const talk: Talk = { id, client: newWay(), server: newWay(), isReset: false };
    Object.assign(talk.client, { hasHead: true, hasEnded: isOver });
    this.talks.set(id, talk);
  }

  /** Says the next thing on this way, if it may. */
  say(talk: Talk, role: Http2Role, isLast = false): void {
    const way = talk[role];
    const end = this.ends[role];
    if (talk.isReset || way.hasEnded || (way.isBlocked && !isLast)) return;
    if (!way.hasHead) return this.#sayHead(talk, isLast);
    if (isLast || this.#random.below(6) === 0) {
      const trailers = this.#random.below(2) === 0 ? this.#headers() : undefined;
      end.sendEnd(talk.id, trailers);
      way.hasEnded = true;
      way.trailers = [...(trailers ?? [])].join();
      return;
    }
    const size = this.#random.pick(this.#bodySizes);
    const text = `${talk.id}${role}`.repeat(1 + size / 4).slice(0, size);
    way.isBlocked = !end.sendData(talk.id, Buffer.from(text));
    way.said += text;
  }

  #sayHead(talk: Talk, isLast: boolean): void {
    if (!talk.client.isTold) return;
    const { server } = this.ends;
    if (!isLast && this.#random.below(4) === 0)
      return server.sendInformational(talk.id, { status: 103, headers: this.#headers() });
    talk.server.hasHead = true;
    talk.server.hasEnded = this.#random.below(5) === 0;
    server.sendHead(talk.id, { status: 200, headers: this.#headers() }, talk.server.hasEnded);
  }

  /** Consumes of what this end heard. */
  consume(talk: Talk, role: Http2Role, all = false): void {
    const way = talk[other(role)];
    const count = all ? way.unconsumed : this.#random.below(way.unconsumed + 1);
    this.ends[role].consume(talk.id, count);
    way.unconsumed -= count;
  }

  reset(talk: Talk, role: Http2Role): void {
    if (role === 'server' && !talk.client.isTold) return;
    this.ends[role].reset(talk.id, this.#random.pick(['CANCEL', 'REFUSED_STREAM', 'INTERNAL_ERROR']));
    talk.isReset = true;
  }

  #headers(): HeaderList {
    const random = this.#random;
    const fields = Array.from(
      { length: random.below(4) },
      () => [`x-${random.below(5)}`, random.pick(VALUES)] as [string, string],
    );
    return HeaderList.from(fields);
  }
}
