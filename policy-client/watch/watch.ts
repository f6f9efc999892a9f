import { verify } from 'node:crypto';
import type { ClientReadableStream, ServiceError } from '@grpc/grpc-js';
import { describeError, SidekeyError } from '../../common/errors.ts';
import type { WatchEvent, WatchResponse } from '../../proto/gen/sidekey/v1/proxy.ts';
import { type Connection, STATUS } from '../connection.ts';
import { durationMs } from '../durations.ts';
import type { ProofMaker } from '../attest/proof.ts';
import { assertTaken, sessionMetadata, type Session } from '../attest/session.ts';

/** An event that is not what it should be: wrong signature, session or order. */
export class WatchError extends SidekeyError {}

/** Reads signed events of one stream; throws for any that is forged, foreign, lost, repeated, or of an unfit release. */
export class EventReader {
  readonly #session: Session;
  readonly #decode: (bytes: Uint8Array) => WatchEvent;
  #lastSequence: number | undefined;

  constructor(session: Session, decode: (bytes: Uint8Array) => WatchEvent) {
    this.#session = session;
    this.#decode = decode;
  }

  read(response: WatchResponse): WatchEvent {
    const { eventKey, eventKeyId, state } = this.#session;
    if (response.keyId !== eventKeyId) throw new WatchError('unknown-event-key', 'an event is signed with another key');
    const key = { key: eventKey, dsaEncoding: 'ieee-p1363' } as const;
    if (!verify('sha256', response.event, key, response.signature)) {
      throw new WatchError('bad-event-signature', "an event's signature does not verify");
    }
    let event: WatchEvent;
    try {
      event = this.#decode(response.event);
    } catch (cause) {
      throw new WatchError('malformed-event', 'an event cannot be decoded', { cause });
    }
    if (event.sessionId !== state.id) throw new WatchError('foreign-event', 'an event belongs to another session');
    if (this.#lastSequence !== undefined && event.sequence !== this.#lastSequence + 1) {
      throw new WatchError('event-out-of-order', 'an event was lost or repeated');
    }
    this.#lastSequence = event.sequence;
    if (event.kind?.$case === 'snapshot') assertTaken(event.kind.value.controlPlaneVersion);
    return event;
  }
}

export interface WatchListener {
  onEvent(event: WatchEvent): void;
  /** Once, when the stream ends other than by `close`. */
  onEnd(error: unknown): void;
}

/** One Watch call: verified events in order, and a dead man's switch. */
export class WatchStream {
  readonly session: Session;
  readonly #call: ClientReadableStream<WatchResponse>;
  readonly #reader: EventReader;
  readonly #listener: WatchListener;
  #silenceMs: number;
  #timer: NodeJS.Timeout | undefined;
  #open = true;

  constructor(
    connection: Connection,
    proofs: ProofMaker,
    session: Session,
    knownVersion: number,
    options: { readonly heartbeatTimeoutMs: number; readonly nowMs: number; readonly listener: WatchListener },
  ) {
    this.session = session;
    this.#reader = new EventReader(session, connection.wire.WatchEvent.decode);
    this.#listener = options.listener;
    this.#silenceMs = options.heartbeatTimeoutMs;
    const metadata = sessionMetadata(connection, session, proofs, 'watch', options.nowMs);
    this.#call = connection.client.watch({ knownVersion }, metadata);
    this.#call.on('data', (response: WatchResponse) => this.#receive(response));
    this.#call.on('error', (error) => this.#end(error));
    this.#call.on('end', () => this.#end(new WatchError('watch-ended', 'the control plane ended the watch')));
    this.#rearm();
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    clearTimeout(this.#timer);
    this.#call.cancel();
  }

  #receive(response: WatchResponse): void {
    if (!this.#open) return;
    let event: WatchEvent;
    try {
      event = this.#reader.read(response);
    } catch (error) {
      this.#end(error);
      return;
    }
    if (event.kind?.$case === 'heartbeat') {
      const intervalMs = durationMs(event.kind.value.interval);
      // Half an interval and a second of grace for a late one.
      if (intervalMs > 0) this.#silenceMs = intervalMs * 1.5 + 1_000;
    }
    this.#rearm();
    this.#listener.onEvent(event);
  }

  #rearm(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(
      () => this.#end(new WatchError('heartbeat-missing', 'nothing came from the control plane for too long')),
      this.#silenceMs,
    );
    this.#timer.unref();
  }

  #end(error: unknown): void {
    if (!this.#open) return;
    this.close();
    this.#listener.onEnd(error);
  }
}

/** True when the connection may be hung, so that a new call on it would hang as well, or leads to a replica that cannot serve. */
export function leadsNowhere(error: unknown): boolean {
  const isUnavailable = (error as Partial<ServiceError>).code === STATUS.unavailable;
  return isUnavailable || (error instanceof WatchError && error.code === 'heartbeat-missing');
}

/** Code and text for logs. */
export function watchFailure(error: unknown): { code: string; error: string } {
  return { code: error instanceof SidekeyError ? error.code : 'grpc', error: describeError(error) };
}
