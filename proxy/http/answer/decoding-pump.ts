import { ByteGatherer } from '../../../common/byte-gatherer.ts';
import type { ContentDecoder } from '../../credentials/scrubbing/decode-content.ts';

/** What the pump drives. */
export interface DecodingSink {
  /** Takes decoded bytes; false when the agent is slow and `drained` will be called. */
  take(bytes: Buffer): boolean;
  /** The upstream may send (false while a chunk is being decoded). */
  ready(isReady: boolean): void;
  finished(): void;
  failed(error: unknown): void;
}

/** Decodes a body chunk by chunk, in order, holding at most what one read of the upstream brought. */
export class DecodingPump {
  readonly #decoder: ContentDecoder;
  readonly #sink: DecodingSink;
  /** Together, since each piece costs the decoder some steps however short it is. */
  readonly #queue = new ByteGatherer();
  #ended = false;
  #running = false;
  #closed = false;
  #drained: (() => void) | undefined;

  constructor(decoder: ContentDecoder, sink: DecodingSink) {
    this.#decoder = decoder;
    this.#sink = sink;
  }

  /** The bytes are copied. */
  write(chunk: Buffer): void {
    this.#queue.add(chunk);
    this.#start();
  }

  end(): void {
    this.#ended = true;
    this.#start();
  }

  /** The agent takes more again. */
  drained(): void {
    this.#drained?.();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#drained?.();
    this.#decoder.close();
  }

  #start(): void {
    if (this.#running || this.#closed) return;
    this.#running = true;
    this.#sink.ready(false);
    this.#run().then(
      () => {
        this.#running = false;
        if (!this.#closed) this.#sink.ready(true);
      },
      (error: unknown) => {
        if (this.#closed) return;
        this.close();
        this.#sink.failed(error);
      },
    );
  }

  async #run(): Promise<void> {
    while (!this.#closed) {
      const chunk = this.#queue.shift();
      if (chunk === undefined) {
        if (!this.#ended) return;
        for await (const bytes of this.#decoder.end()) await this.#give(bytes);
        if (this.#closed) return;
        this.#sink.finished();
        return this.close();
      }
      for await (const bytes of this.#decoder.decode(chunk)) await this.#give(bytes);
    }
  }

  async #give(bytes: Buffer): Promise<void> {
    if (this.#closed || this.#sink.take(bytes)) return;
    await new Promise<void>((resolve) => {
      this.#drained = resolve;
    });
    this.#drained = undefined;
  }
}
