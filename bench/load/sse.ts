import type net from 'node:net';
import { authorityOf, dial, targetOf } from './dial.ts';
import { type LoadDriver, type LoadSpec, RefusedError } from './spec.ts';

const OPEN_AT_ONCE = 16;
/** Stands once in each event, and nowhere in a head or in the framing of chunks. */
const MARK = '|'.charCodeAt(0);

/** Streams of server-sent events; the upstream sets the pace, so what is counted is what arrived. */
export async function openEventStreams(spec: LoadSpec): Promise<LoadDriver> {
  const streams: EventStream[] = [];
  while (streams.length < spec.connections) {
    const missing = Math.min(OPEN_AT_ONCE, spec.connections - streams.length);
    streams.push(...(await Promise.all(Array.from({ length: missing }, () => openOne(spec)))));
  }
  return {
    echo: undefined,
    run: async (ms) => {
      const startedAt = performance.now();
      for (const stream of streams) stream.events = 0;
      const latenciesMs: number[] = [];
      // The clock is read on a few streams only: the load must not be what takes the time.
      for (const stream of streams.slice(0, 4)) stream.latenciesMs = latenciesMs;
      await new Promise((resolve) => setTimeout(resolve, ms));
      const broken = streams.find((stream) => stream.error !== undefined)?.error;
      if (broken !== undefined) throw broken;
      if (streams.some((stream) => stream.events === 0)) throw new Error('a stream without events');
      return {
        units: streams.reduce((sum, stream) => sum + stream.events, 0),
        seconds: (performance.now() - startedAt) / 1000,
        latenciesMs,
      };
    },
  };
}

async function openOne(spec: LoadSpec): Promise<EventStream> {
  const socket = await dial(spec, 'http/1.1');
  const target = targetOf(spec, spec.path);
  socket.write(`GET ${target} HTTP/1.1\r\nHost: ${authorityOf(spec)}\r\nAccept: text/event-stream\r\n\r\n`);
  const stream = new EventStream(socket);
  await stream.started;
  return stream;
}

class EventStream {
  events = 0;
  error: Error | undefined;
  latenciesMs: number[] | undefined;
  /** The head has come, and an event after it. */
  readonly started: Promise<void>;

  constructor(socket: net.Socket) {
    let head = '';
    this.started = new Promise((resolve, reject) => {
      socket.on('data', (bytes: Buffer) => {
        if (head !== 'read') {
          head += bytes.toString('latin1');
          if (!head.includes('\r\n\r\n') || (head.startsWith('HTTP/1.1 200 ') && !head.includes('|'))) return;
          if (head.startsWith('HTTP/1.1 200 ')) resolve();
          else reject(new RefusedError(head));
          head = 'read';
        }
        this.#count(bytes);
      });
      socket.once('error', (error) => this.#fail(error, reject));
      socket.once('close', () => this.#fail(new Error('event stream closed by the forwarder'), reject));
    });
  }

  #fail(error: Error, reject: (error: Error) => void): void {
    this.error ??= error;
    reject(error);
  }

  #count(bytes: Buffer): void {
    for (let at = bytes.indexOf(MARK); at >= 0; at = bytes.indexOf(MARK, at + 1)) this.events += 1;
    if (this.latenciesMs === undefined) return;
    // CLOCK_MONOTONIC is one clock for all processes.
    const sentAt = /data: (\d+);/.exec(bytes.toString('latin1'))?.[1];
    if (sentAt !== undefined) this.latenciesMs.push(Number(process.hrtime.bigint() - BigInt(sentAt)) / 1e6);
  }
}
