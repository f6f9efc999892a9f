import { Secret } from '../../../common/secret.ts';
import { compileScrubber } from '../../../proxy/credentials/scrubbing/scrub.ts';
import type { DeflateParameters } from '../../../proxy/protocols/websocket/deflate-agreement.ts';
import { FrameReader, type MessageType } from '../../../proxy/protocols/websocket/frame-reader.ts';
import { DEFAULT_WEBSOCKET_LIMITS } from '../../../proxy/protocols/websocket/limits.ts';
import { WebSocketRelay, type WebSocketRelayOptions } from '../../../proxy/sessions/websocket/relay.ts';

export const DEFLATE: DeflateParameters = {
  serverNoContextTakeover: false,
  clientNoContextTakeover: false,
  serverMaxWindowBits: undefined,
  clientMaxWindowBits: undefined,
};

/** A relay that masks with zeros; `secrets` were injected. */
export function relayOf(
  options: Partial<WebSocketRelayOptions> & { secrets?: readonly string[] } = {},
): WebSocketRelay {
  const { secrets = [], ...rest } = options;
  const scrubber = compileScrubber(secrets.map((secret) => new Secret(secret)));
  return new WebSocketRelay({ deflate: undefined, scrubber, maskingKeys: () => 0, ...rest });
}

export interface Message {
  readonly type: MessageType | 'ping' | 'pong';
  bytes: Buffer;
  compressed?: true;
}

/** What a side understands of the relay's output, which must be well-formed. Uncompressed messages may not be RSV1. */
export function playRelay(
  side: 'agent' | 'upstream',
  pieces: readonly Buffer[],
  deflate = false,
): { messages: Message[]; closeCode: number | undefined; closeReason: string; rest: number } {
  const reader = new FrameReader({ masked: side === 'upstream', deflate, limits: DEFAULT_WEBSOCKET_LIMITS });
  const messages: Message[] = [];
  let closeCode: number | undefined;
  let closeReason = '';
  let open: Message | undefined;
  for (const piece of pieces) reader.receive(piece);
  for (let event = reader.next(); event !== undefined; event = reader.next()) {
    if (event.kind === 'control') {
      if (event.opcode === 8) {
        closeCode = event.bytes.length === 0 ? 1005 : event.bytes.readUInt16BE(0);
        closeReason = event.bytes.toString('utf8', 2);
      } else messages.push({ type: event.opcode === 9 ? 'ping' : 'pong', bytes: event.bytes });
      continue;
    }
    open ??= { type: event.type, bytes: Buffer.alloc(0), ...(event.compressed ? { compressed: true } : {}) };
    open.bytes = Buffer.concat([open.bytes, event.bytes]);
    if (!event.isLast) continue;
    messages.push(open);
    open = undefined;
  }
  return { messages, closeCode, closeReason, rest: reader.bufferedBytes };
}
