import { afterEach, expect, test } from 'vitest';
import { FrameUpstream } from '../../support/upstreams/frame-upstream.ts';
import { type ConformanceWorld, startConformanceWorld } from '../../conformance/world.ts';
import { DEFAULT_LIMITS } from '../../../proxy/limits.ts';
import { FrameType } from '../../../proxy/protocols/http2/frames.ts';
import { data, END_STREAM, headers } from '../../support/protocols/http2-frames.ts';
import type { RawAgent } from '../../support/agents/raw-agent.ts';
import { until } from '../../support/until.ts';

/** A stream that nobody reads holds up to its own window, and none of its neighbours', however many there are. */

const STALLED = 6;
const STREAM_BYTES = DEFAULT_LIMITS.http2.streamWindowBytes;
const PIECE_BYTES = 16_384;

let world: ConformanceWorld;
afterEach(() => world.close());

/** Sends as much on each of its streams as the windows of its peer let, once `begin` has named it. */
class Sender {
  left = 65_535;
  readonly #windows = new Map<number, number>();
  readonly #send: (...parts: Buffer[]) => void;

  constructor(send: (...parts: Buffer[]) => void) {
    this.#send = send;
  }

  get isStalled(): boolean {
    return [...this.#windows.values()].every((open) => open === 0);
  }

  begin(stream: number): void {
    this.#windows.set(stream, STREAM_BYTES);
    this.#go();
  }

  /** The windows opened. */
  grow(stream: number, increment: number): void {
    const window = this.#windows.get(stream);
    if (stream === 0) this.left += increment;
    else if (window !== undefined) this.#windows.set(stream, window + increment);
    this.#go();
  }

  #go(): void {
    for (const [stream, window] of this.#windows) {
      let open = window;
      while (open > 0 && this.left > 0) {
        const count = Math.min(PIECE_BYTES, open, this.left);
        open -= count;
        this.left -= count;
        this.#send(data(stream, Buffer.alloc(count)));
      }
      this.#windows.set(stream, open);
    }
  }
}

async function ask(path: string): Promise<RawAgent> {
  const at = `plain.test:${world.http2.port}`;
  return (await world.agent()).send(`GET https://${at}${path} HTTP/1.1\r\nHost: ${at}\r\n\r\n`);
}

/** An upstream that answers `/long` as long as it may, and everything else at once if its window lets it. */
async function stall(): Promise<Sender> {
  const upstream: { sender?: Sender } = {};
  world.http2.script = (socket) => {
    const frames = new FrameUpstream(socket, () => {});
    const sender = new Sender((...parts) => frames.send(...parts));
    upstream.sender = sender;
    frames.onFrame = ({ type, stream, payload }) => {
      if (type === FrameType.WINDOW_UPDATE) return sender.grow(stream, payload.readUInt32BE(0));
      if (type !== FrameType.HEADERS) return;
      frames.send(headers(stream, [[':status', '200']]));
      if (frames.head(stream).get(':path') === '/long') return sender.begin(stream);
      if (sender.left < 2) return;
      sender.left -= 2;
      frames.send(data(stream, 'ok', END_STREAM));
    };
  };
  expect((await (await ask('/first')).answer()).text).toBe('ok');
  for (let at = 0; at < STALLED; at += 1) {
    const agent = await ask('/long');
    await agent.until((text) => text.includes('200'));
    agent.socket.pause();
  }
  await until('nothing moves any more', () => upstream.sender?.isStalled === true || upstream.sender?.left === 0);
  await new Promise((resolve) => setTimeout(resolve, 500));
  return upstream.sender ?? expect.fail('no upstream');
}

test.each([DEFAULT_LIMITS.maxHeldBytes, 1])(
  'answers that nobody reads leave room for those of others: maxHeldBytes %i',
  async (maxHeldBytes) => {
    world = await startConformanceWorld({ maxHeldBytes });
    await stall();
    expect((await (await ask('/quick')).answer()).text).toBe('ok');
    expect(world.http2.connections).toBe(1);
  },
);

test('an answer of 250 kB comes whole before the proxy says a word more', async () => {
  world = await startConformanceWorld();
  const answered: number[] = [];
  world.http2.script = (socket) => {
    const frames = new FrameUpstream(socket, () => {});
    const windows = new Map<number, number>();
    frames.onFrame = ({ type, stream, payload }) => {
      if (type === FrameType.WINDOW_UPDATE) {
        windows.set(stream, (windows.get(stream) ?? 0) + payload.readUInt32BE(0));
        return;
      }
      if (type !== FrameType.HEADERS) return;
      windows.set(stream, STREAM_BYTES);
      setImmediate(() => {
        let left = Math.min(250_000, windows.get(stream) ?? 0);
        answered.push(left);
        frames.send(headers(stream, [[':status', '200']]));
        for (; left > PIECE_BYTES; left -= PIECE_BYTES) frames.send(data(stream, Buffer.alloc(PIECE_BYTES, 'x')));
        frames.send(data(stream, Buffer.alloc(left, 'x'), END_STREAM));
      });
    };
  };
  for (let call = 0; call < 3; call += 1) expect((await (await ask('/long')).answer()).text).toHaveLength(250_000);
  expect(answered).toEqual([250_000, 250_000, 250_000]);
});

test('uploads that wait for a slow upstream leave room for the requests of others', async () => {
  world = await startConformanceWorld();
  world.secure.script = (socket) => {
    socket.once('data', (bytes: Buffer) => {
      if (bytes.toString('latin1').startsWith('POST /quick')) {
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
        return;
      }
      socket.pause();
    });
  };
  const agent = await world.frames();
  const sender = new Sender((...parts) => agent.send(...parts));
  agent.onFrame = ({ type, stream, payload }) => {
    if (type === FrameType.WINDOW_UPDATE) sender.grow(stream, payload.readUInt32BE(0));
  };
  agent.start();
  await agent.until('SETTINGS ACK');
  const at = agent.request('POST');
  for (let stream = 1; stream < 2 * STALLED; stream += 2) {
    agent.send(headers(stream, at));
    sender.begin(stream);
  }
  await until('every upload has used up its window', () => sender.isStalled, 20_000);
  const last = 2 * STALLED + 1;
  agent.send(headers(last, [...at.slice(0, 3), [':path', '/quick']]), data(last, 'hi', END_STREAM));
  expect((await agent.whole(last)).body.toString()).toBe('ok');
});
