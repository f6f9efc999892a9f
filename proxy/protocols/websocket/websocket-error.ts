import { SidekeyError } from '../../../common/errors.ts';
import { CLOSE } from './close.ts';

/** A frame or message that breaks RFC 6455 or a limit. Its text never holds bytes of the peer. */
export class WebSocketError extends SidekeyError {
  /** What the peer at fault is told (RFC 6455 section 7.4.1). */
  readonly closeCode: number;

  constructor(closeCode: number, message: string) {
    super('websocket-invalid', message);
    this.closeCode = closeCode;
  }
}

export function protocolError(message: string): WebSocketError {
  return new WebSocketError(CLOSE.protocolError, message);
}
