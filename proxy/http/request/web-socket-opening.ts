import { randomBytes } from 'node:crypto';
import { MessageError } from '../../protocols/http1/message-error.ts';
import type { HeaderList } from '../../protocols/header-list.ts';
import type { RequestHead, ResponseHead } from '../../protocols/heads.ts';
import {
  type Opening,
  type OpeningAnswer,
  readOpening,
  readOpeningAnswer,
  wishedUpgrades,
  writeOpening,
  writeOpeningAnswer,
} from '../../protocols/websocket/handshake.ts';
import { Refusal } from '../../refusal.ts';
import { findReason } from '../../../proto/reasons.ts';
import type { OutgoingRequest } from '../streams.ts';

const KEY_BYTES = 16;
/** Subprotocols that carry a credential, for browsers, which cannot set headers: OpenAI, Kubernetes, AWS AppSync, and copies of them. */
const CREDENTIAL_SUBPROTOCOL =
  /^(?:openai-insecure-api-key\.|base64url\.bearer\.|authorization\.bearer\.|bearer[.-]|header-eyJ)/i;

/** A request to open a WebSocket, told to the upstream in our own words and with a key of our own (RFC 6455 4.1). */
export class WebSocketOpening {
  #opening: Opening;
  readonly #key = randomBytes(KEY_BYTES).toString('base64');

  constructor(opening: Opening) {
    this.#opening = opening;
  }

  /** @throws Refusal `upgrade-refused` for other upgrades, `bad-request` for a malformed opening */
  static of(head: RequestHead): WebSocketOpening | undefined {
    const extended = head.pseudo?.protocol;
    if (extended === undefined && !head.headers.has('upgrade')) return undefined;
    const wished = extended === undefined ? wishedUpgrades(head) : [extended];
    if (wished.length === 0) return undefined;
    if (!wished.includes('websocket')) throw new Refusal('upgrade-refused', 'only upgrades to WebSocket are forwarded');
    const kind = extended === undefined ? 'upgrade' : 'extended-connect';
    const opening = refusing(() => readOpening(head.method, head.headers, kind));
    // Extended CONNECT has no content whatever it declares; to the upstream it becomes GET, which would have that much.
    if (head.framing.kind !== 'none' || head.headers.has('content-length')) {
      throw new Refusal('bad-request', 'a request to open a WebSocket has no content');
    }
    return new WebSocketOpening(opening);
  }

  /** Takes out the credentials that the agent offers as subprotocols, of the headers too; true if there were any. */
  removeCredentials(headers: HeaderList): boolean {
    const protocols = this.#opening.protocols.filter((protocol) => !CREDENTIAL_SUBPROTOCOL.test(protocol));
    if (protocols.length === this.#opening.protocols.length) return false;
    this.#opening = { ...this.#opening, protocols };
    if (protocols.length === 0) headers.delete('sec-websocket-protocol');
    else headers.set('Sec-WebSocket-Protocol', protocols.join(', '));
    return true;
  }

  /** The request with it, as it leaves. */
  within(request: OutgoingRequest): OutgoingRequest {
    writeOpening(request.headers, this.#opening);
    return { ...request, webSocketKey: this.#key };
  }

  /**
   * What the upstream agreed to; undefined when its answer is an ordinary one.
   *
   * @throws Refusal `upstream-malformed` for an agreement to something else
   */
  agreement({ status, headers, version }: ResponseHead): OpeningAnswer | undefined {
    // Only extended CONNECT can have been answered in HTTP/2, and it has no key.
    const key = version === '2' ? undefined : this.#key;
    return refusing(() => readOpeningAnswer(status, headers, this.#opening, key));
  }

  /** Puts the agreement into the answer to the agent. */
  writeAgreement(headers: HeaderList, agreement: OpeningAnswer): void {
    writeOpeningAnswer(headers, this.#opening, agreement);
  }
}

function refusing<T>(read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (!(cause instanceof MessageError)) throw cause;
    throw new Refusal(findReason(cause.code) ?? 'bad-request', cause.message, { cause });
  }
}
