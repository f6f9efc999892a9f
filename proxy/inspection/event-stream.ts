import { ByteGatherer } from '../../common/byte-gatherer.ts';
import { Refusal } from '../refusal.ts';

/** One event of a stream (HTML, section 9.2 Server-sent events), with what arrived of it. */
export interface StreamEvent {
  /** Its lines without their ends and without its data, in order. */
  readonly otherLines: readonly string[];
  readonly type: string;
  /** Data lines joined by line feeds. */
  readonly data: Buffer;
  /** Exactly as it came, the closing empty line included. */
  readonly bytes: Buffer;
}

const [LF, CR] = [0x0a, 0x0d];
const NO_DATA = Buffer.alloc(0);

/**
 * Cuts a stream into events. Lines are read as Latin-1, so that characters cut in two do no harm.
 * An event that the stream's end cuts off is none (section 9.2.6), and is dropped.
 */
export class EventStreamReader {
  readonly #maxEventBytes: number;
  readonly #held = new ByteGatherer();
  #line = '';
  #lines: string[] = [];
  #skipLineFeed = false;

  constructor(maxEventBytes: number) {
    this.#maxEventBytes = maxEventBytes;
  }

  /** Every event that these bytes complete. */
  push(bytes: Buffer): StreamEvent[] {
    const events: StreamEvent[] = [];
    let start = 0;
    let lineStart = 0;
    for (let at = 0; at < bytes.length; at += 1) {
      const byte = bytes[at];
      if (byte !== LF && byte !== CR) {
        this.#skipLineFeed = false;
        continue;
      }
      const isSecondHalf = byte === LF && this.#skipLineFeed;
      this.#skipLineFeed = byte === CR;
      if (isSecondHalf) {
        lineStart = at + 1;
        // Behind an event that went on with the bytes before: there is nothing to it but this end of its last line.
        if (at === start && this.#held.length === 0) {
          events.push({ otherLines: [], type: '', data: NO_DATA, bytes: bytes.subarray(at, at + 1) });
          start = at + 1;
        }
        continue;
      }
      const line = this.#line + bytes.toString('latin1', lineStart, at);
      this.#line = '';
      lineStart = at + 1;
      if (line !== '') {
        this.#lines.push(line);
        continue;
      }
      // Clients wait for the whole of a CRLF, so its second half must not wait for the next event.
      const end = byte === CR && bytes[at + 1] === LF ? at + 2 : at + 1;
      events.push(this.#complete(bytes.subarray(start, end)));
      start = end;
    }
    this.#line += bytes.toString('latin1', lineStart);
    this.#hold(bytes.subarray(start));
    return events;
  }

  #hold(bytes: Buffer): void {
    if (bytes.length === 0) return;
    this.#held.add(bytes);
    if (this.#held.length > this.#maxEventBytes)
      throw new Refusal('answer-refused', 'an event of the answer is too long to be filtered');
  }

  /** Most events come whole: those are views of what was pushed. */
  #wholeWith(last: Buffer): Buffer {
    if (this.#held.length === 0 && last.length <= this.#maxEventBytes) return last;
    this.#hold(last);
    return Buffer.concat(this.#held.takeAll());
  }

  #complete(last: Buffer): StreamEvent {
    const bytes = this.#wholeWith(last);
    const lines = this.#lines;
    this.#lines = [];
    const data: string[] = [];
    const otherLines: string[] = [];
    let type = '';
    for (const line of lines) {
      const [name, value] = readField(line);
      if (name === 'data') data.push(value);
      else otherLines.push(line);
      if (name === 'event') type = value;
    }
    return { otherLines, type, data: Buffer.from(data.join('\n'), 'latin1'), bytes };
  }
}

const BYTE_ORDER_MARK = '\u00ef\u00bb\u00bf';

function readField(line: string): [name: string, value: string] {
  const text = line.startsWith(BYTE_ORDER_MARK) ? line.slice(BYTE_ORDER_MARK.length) : line;
  const at = text.indexOf(':');
  if (at < 0) return [text, ''];
  return [text.slice(0, at), text.slice(text.charAt(at + 1) === ' ' ? at + 2 : at + 1)];
}

/** The event with other data, which has no line breaks. */
export function writeEvent(event: StreamEvent, data: string): Buffer {
  const others = event.otherLines.map((line) => `${line}\n`).join('');
  return Buffer.concat([Buffer.from(others, 'latin1'), Buffer.from(`data: ${data}\n\n`)]);
}
