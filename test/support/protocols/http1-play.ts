import { MessageError } from '../../../proxy/protocols/http1/message-error.ts';
import { DEFAULT_HTTP1_LIMITS, type Http1Limits } from '../../../proxy/protocols/http1/limits.ts';
import { type Http1Event, RequestReader, ResponseReader } from '../../../proxy/protocols/http1/message-reader.ts';

/** What a reader said, with the pieces of each body joined, so that it does not depend on how the bytes arrived. */
export interface Played {
  readonly events: unknown[];
  readonly error: string | undefined;
  readonly rest: string;
  /** Where each completed message ends. */
  readonly ends: readonly number[];
}

interface AnyReader {
  receive(bytes: Buffer): void;
  next(): Http1Event | undefined;
  eof(): void;
  takeRest(): Buffer;
  readonly bufferedBytes: number;
}

function describe(event: Http1Event): unknown {
  switch (event.type) {
    case 'head':
    case 'informational': {
      const { headers, ...head } = event.head;
      return { type: event.type, ...head, headers: [...headers] };
    }
    case 'end':
      return { type: 'end', trailers: event.trailers && [...event.trailers] };
    default:
      return { type: 'body', text: event.bytes.toString('latin1') };
  }
}

function play(reader: AnyReader, pieces: readonly Buffer[], closes: boolean): Played {
  const events: unknown[] = [];
  const ends: number[] = [];
  let received = 0;
  let error: string | undefined;
  const drain = () => {
    for (let event = reader.next(); event !== undefined; event = reader.next()) {
      const said = describe(event) as { type: string; text?: string };
      const last = events.at(-1) as { type: string; text?: string } | undefined;
      if (said.type === 'body' && last?.type === 'body') last.text = `${last.text}${said.text}`;
      else events.push(said);
      if (event.type === 'end') ends.push(received - reader.bufferedBytes);
    }
  };
  try {
    for (const piece of pieces) {
      reader.receive(piece);
      received += piece.length;
      drain();
    }
    if (closes) {
      reader.eof();
      drain();
    }
  } catch (caught) {
    if (!(caught instanceof MessageError)) throw caught;
    error = caught.code;
  }
  return { events, error, rest: error === undefined ? reader.takeRest().toString('latin1') : '', ends };
}

/** Plays pieces of a request stream; with `ends`, the sender closes afterwards. */
export function playRequests(pieces: readonly Buffer[], ends = false, limits: Partial<Http1Limits> = {}): Played {
  return play(new RequestReader({ ...DEFAULT_HTTP1_LIMITS, ...limits }), pieces, ends);
}

/** Plays pieces of a response stream that answers requests with these methods. */
export function playResponses(
  pieces: readonly Buffer[],
  methods: readonly string[],
  ends = false,
  limits: Partial<Http1Limits> = {},
): Played {
  const reader = new ResponseReader({ ...DEFAULT_HTTP1_LIMITS, ...limits });
  for (const method of methods) reader.expect(method);
  return play(reader, pieces, ends);
}

/** Every way to cut bytes in two, and the bytes one by one; each piece is a copy of its own. */
export function* everyCut(bytes: Buffer): Generator<Buffer[]> {
  for (let at = 0; at <= bytes.length; at += 1) {
    yield [Buffer.from(bytes.subarray(0, at)), Buffer.from(bytes.subarray(at))];
  }
  yield Array.from(bytes, (byte) => Buffer.from([byte]));
}
