import type net from 'node:net';
import { FrameType, PREFACE } from '../../../proxy/protocols/http2/frames.ts';
import { settings } from '../protocols/http2-frames.ts';
import { FrameLog } from '../../conformance/frame-agent.ts';

/** The upstream's end of an HTTP/2 connection of the proxy, by hand; streams have a window of 5 octets at first. */
export class FrameUpstream extends FrameLog {
  onData: (bytes: Buffer) => void = () => {};
  onPing: () => void = () => {};
  /** The connection began with the client's preface. */
  prefaced = false;
  #start = Buffer.alloc(0);

  /** Calls `asked` once for each stream, when its head has come. */
  constructor(socket: net.Socket, asked: (stream: number) => void) {
    super(socket);
    this.send(settings([4, 5]));
    this.onFrame = ({ type, stream, payload }) => {
      if (type === FrameType.HEADERS) asked(stream);
      else if (type === FrameType.DATA) this.onData(payload);
      else if (type === FrameType.PING) this.onPing();
    };
  }

  head(stream: number): Map<string, string> {
    return this.answer(stream).heads[0] ?? new Map<string, string>();
  }

  protected override receive(bytes: Buffer): void {
    if (this.prefaced) return super.receive(bytes);
    this.#start = Buffer.concat([this.#start, bytes]);
    if (this.#start.length < PREFACE.length) return;
    this.prefaced = this.#start.subarray(0, PREFACE.length).equals(PREFACE);
    super.receive(this.#start.subarray(PREFACE.length));
  }
}
