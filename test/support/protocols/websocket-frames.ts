import { maskBytes, writeHeader, headerLength } from '../../../proxy/protocols/websocket/frame.ts';
import { FrameReader } from '../../../proxy/protocols/websocket/frame-reader.ts';
import { DEFAULT_WEBSOCKET_LIMITS, type WebSocketLimits } from '../../../proxy/protocols/websocket/limits.ts';
import { WebSocketError } from '../../../proxy/protocols/websocket/websocket-error.ts';

export interface FrameParts {
  readonly opcode: number;
  readonly payload?: string | Buffer;
  readonly fin?: boolean;
  readonly rsv1?: boolean;
  /** The masking key of an agent's frame. */
  readonly key?: number;
}

/** A well-formed frame. */
export function frame({ opcode, payload = '', fin = true, rsv1 = false, key }: FrameParts): Buffer {
  const bytes = Buffer.from(payload as Buffer);
  const whole = Buffer.alloc(headerLength(bytes.length, key !== undefined) + bytes.length);
  const start = writeHeader(whole, 0, { fin, rsv1, opcode }, bytes.length, key);
  bytes.copy(whole, start);
  if (key !== undefined) maskBytes(whole, start, whole.length, key, 0);
  return whole;
}

/** A message or control frame with its pieces joined. */
export interface Heard {
  readonly type: string;
  readonly compressed?: boolean;
  text: string;
  isWhole: boolean;
  pieces: number;
}

export interface HeardAll {
  readonly heard: Heard[];
  readonly error: number | undefined;
}

/** Everything that a side says in these pieces; `error` is the close code of what it did wrong. */
export function hear(
  pieces: readonly Buffer[],
  options: { masked?: boolean; deflate?: boolean; limits?: Partial<WebSocketLimits> } = {},
): HeardAll {
  const { masked = false, deflate = false } = options;
  const reader = new FrameReader({ masked, deflate, limits: { ...DEFAULT_WEBSOCKET_LIMITS, ...options.limits } });
  const heard: Heard[] = [];
  let open: Heard | undefined;
  try {
    for (const piece of pieces) {
      reader.receive(piece);
      for (let event = reader.next(); event !== undefined; event = reader.next()) {
        const text = event.bytes.toString('latin1');
        if (event.kind === 'control') {
          heard.push({ type: `control ${event.opcode}`, text, isWhole: true, pieces: 1 });
          continue;
        }
        if (event.isFirst)
          heard.push((open = { type: event.type, compressed: event.compressed, text: '', isWhole: false, pieces: 0 }));
        if (open === undefined) throw new Error('a piece without a message');
        open.text += text;
        open.pieces += 1;
        open.isWhole = event.isLast;
      }
      reader.copyUnread();
      piece.fill(0xee);
    }
  } catch (error) {
    if (!(error instanceof WebSocketError)) throw error;
    return { heard, error: error.closeCode };
  }
  return { heard, error: undefined };
}
