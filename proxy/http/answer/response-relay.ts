import type { ResponseHead } from '../../protocols/heads.ts';
import type { AnswerFilter } from '../../inspection/answer-filter.ts';
import { hidesText } from '../../credentials/scrubbing/charsets.ts';
import type { ContentDecoder } from '../../credentials/scrubbing/decode-content.ts';
import { CODING_FIELDS, createAnswerDecoder } from '../../credentials/scrubbing/decode-messages.ts';
import { type Authentication, scrubHeaders } from '../../credentials/scrubbing/scrub-headers.ts';
import { type BodyScrub, scrubBody } from '../../credentials/scrubbing/scrub-messages.ts';
import type { HeaderList } from '../../protocols/header-list.ts';
import { Refusal } from '../../refusal.ts';
import { viaEntry } from '../request/admission.ts';
import { AnswerGate } from './answer-gate.ts';
import type { AnswerParts, AnswerPath } from './answer-path.ts';
import { DecodingPump } from './decoding-pump.ts';
import { beginsInside } from '../byte-range.ts';
import { stripHopByHop, stripTrailers } from '../forwarded-headers.ts';
import { grpcTrailers, isGrpc } from './grpc-status.ts';
import type { BodyLength } from '../streams.ts';

/** Fields that speak of the bytes as the upstream sent them (RFC 9530; RFC 1864; RFC 9110 8.8.3). */
const FIELDS_OF_BYTES: ReadonlySet<string> = new Set([
  'content-md5',
  'content-digest',
  'repr-digest',
  'digest',
  'etag',
]);

/** So long nothing comes before what is held back leaves, where it may: longer than most packets are under way. */
const LULL_MS = 100;

/** Carries one answer to the agent: head cleaned, body decoded where needed and scrubbed, paused when the agent is slow. */
export class ResponseRelay implements AnswerPath {
  readonly #parts: AnswerParts;
  /** Its status comes in trailers, so that they may say as well that it failed. */
  readonly #endsInStatus: boolean;
  readonly #authentication: Authentication;
  readonly #scrub: BodyScrub | undefined;
  readonly #decoder: DecodingPump | undefined;
  readonly #gate: AnswerGate | undefined;
  /** The agent gets other bytes than the upstream sent. */
  readonly #hidesBytes: boolean;
  /** Bytes of the body that are still to come; undefined when only its end will show. */
  #left: number | undefined;
  #waiting = false;
  #countedHits = 0;
  #trailers: HeaderList | undefined;
  /** Runs while the scrubber holds bytes back and the upstream says nothing. */
  #lull: NodeJS.Timeout | undefined;

  /** @throws Refusal `response-undecodable` before anything was written */
  constructor(
    response: ResponseHead,
    authentication: Authentication,
    wantedFilter: AnswerFilter | undefined,
    parts: AnswerParts,
  ) {
    this.#parts = parts;
    this.#authentication = authentication;
    const { scrubber } = authentication;
    const { headers } = response;
    const hasBody = response.framing.kind !== 'none';
    const filter = hasBody ? wantedFilter : undefined;
    if (scrubber !== undefined && hasBody && hidesText(headers)) {
      throw new Refusal('response-undecodable', 'the answer is in a character set that cannot be searched for secrets');
    }
    const isRead = scrubber !== undefined || filter !== undefined;
    const decoder = isRead && hasBody ? createAnswerDecoder(headers) : undefined;
    const isInside = scrubber !== undefined && hasBody && response.status === 206 && beginsInside(headers);
    if (decoder !== undefined) this.#decoder = this.#decode(decoder, headers);
    if (filter !== undefined) this.#gate = this.#gateFor(filter, headers);
    // Without a body, too: they tell a short secret, which a filter would mask.
    this.#hidesBytes = decoder !== undefined || wantedFilter !== undefined;
    this.#dropFieldsOfBytes(headers);
    stripHopByHop(headers);
    parts.call.scrubbed += scrubHeaders(headers, authentication);
    if (hasBody && scrubber !== undefined) this.#scrub = scrubBody(scrubber, headers, isInside);
    if (response.framing.kind === 'length' && this.#decoder === undefined) this.#left = response.framing.length;
    headers.append('Via', viaEntry(response.version, parts.via));
    const reason = scrubber === undefined ? response.reason : scrubber.scrubText(response.reason).text;
    const length = bodyLength(response, this.#decoder !== undefined || filter?.keepsLength === false);
    // Fewer bytes than were declared are a malformed answer, whatever its trailers say (RFC 9113 8.1.1).
    this.#endsInStatus = length === 'unknown' && isGrpc(headers);
    parts.agent.sendHead(response.status, reason, headers, length);
  }

  fromUpstream(bytes: Buffer): void {
    this.#endLull();
    if (this.#decoder === undefined) return this.#guard(() => this.#scrubbed(bytes));
    this.#decoder.write(bytes);
  }

  upstreamEnded(trailers: HeaderList | undefined): void {
    this.#endLull();
    this.#trailers = trailers;
    if (this.#decoder === undefined) this.#guard(() => this.#finish());
    else this.#decoder.end();
  }

  /** Sends what was gathered; a slow agent pauses the upstream. */
  flush(): void {
    if (this.#decoder !== undefined) return;
    if (this.#parts.agent.flush() && !this.#waiting) this.#awaitLull();
    else this.#parts.upstream.pause();
  }

  agentDrained(): void {
    if (this.#waiting) return;
    if (this.#decoder !== undefined) return this.#decoder.drained();
    this.#parts.upstream.resume();
    this.#awaitLull();
  }

  /** The exchange ends before the answer did. */
  abort(): void {
    this.#endLull();
    this.#countHits();
    this.#decoder?.close();
    this.#gate?.close();
  }

  lastWords(refusal: Refusal): HeaderList | undefined {
    return this.#endsInStatus ? grpcTrailers(refusal, this.#parts.call.id) : undefined;
  }

  /** The upstream may send, and all that it sent was worked on: text must not wait for what may never come. */
  #awaitLull(): void {
    if (this.#lull !== undefined || this.#scrub === undefined || this.#scrub.heldBytes === 0) return;
    this.#lull = setTimeout(() => this.#afterLull(), LULL_MS).unref();
  }

  #endLull(): void {
    if (this.#lull === undefined) return;
    clearTimeout(this.#lull);
    this.#lull = undefined;
  }

  #afterLull(): void {
    this.#guard(() => {
      for (const piece of this.#scrub?.lull() ?? []) this.#pass(piece);
    });
    if (this.#decoder === undefined) this.flush();
    else this.#parts.agent.flush();
  }

  /** What fails here ends the call: a filter may find that it cannot read the answer. */
  #guard(step: () => void): void {
    try {
      step();
    } catch (error) {
      this.#parts.owner.refuse(error);
    }
  }

  #gateFor(filter: AnswerFilter, headers: HeaderList): AnswerGate {
    if (!filter.keepsLength) headers.delete('content-length');
    const { agent, owner } = this.#parts;
    return new AnswerGate(filter, (things) => owner.askListed(things), {
      send: (bytes) => this.#send(bytes),
      wait: (isWaiting) => {
        this.#waiting = isWaiting;
        if (!isWaiting && agent.flush()) this.agentDrained();
      },
      finished: () => this.#close(),
      failed: (error) => owner.refuse(error),
    });
  }

  #decode(decoder: ContentDecoder, headers: HeaderList): DecodingPump {
    headers.delete('content-length');
    for (const name of CODING_FIELDS) headers.delete(name);
    return new DecodingPump(decoder, {
      take: (bytes) => {
        this.#scrubbed(bytes);
        return this.#parts.agent.flush() && !this.#waiting;
      },
      ready: (isReady) => {
        if (!isReady) return this.#parts.upstream.pause();
        this.#parts.upstream.resume();
        this.#awaitLull();
      },
      finished: () => this.#finish(),
      failed: (error) => this.#parts.owner.refuse(error),
    });
  }

  #scrubbed(bytes: Buffer): void {
    if (this.#scrub === undefined) return this.#pass(bytes);
    if (this.#left !== undefined) this.#left -= bytes.length;
    const clean = this.#left === 0 ? this.#scrub.pushLast(bytes) : this.#scrub.push(bytes);
    for (const piece of clean) this.#pass(piece);
  }

  #pass(bytes: Buffer): void {
    if (this.#gate === undefined) this.#send(bytes);
    else this.#gate.push(bytes);
  }

  #send(bytes: Buffer): void {
    if (bytes.length === 0) return;
    this.#parts.call.responseBytes += bytes.length;
    this.#parts.agent.sendBody(bytes);
  }

  #finish(): void {
    if (this.#scrub !== undefined) {
      if (this.#left !== 0) for (const clean of this.#scrub.end()) this.#pass(clean);
      this.#countHits();
    }
    if (this.#gate === undefined) this.#close();
    else this.#gate.end();
  }

  /** Once, however the answer ends: while a filter waits for policy, it may still be cut off. */
  #countHits(): void {
    const hits = this.#scrub?.hits ?? 0;
    this.#parts.call.scrubbed += hits - this.#countedHits;
    this.#countedHits = hits;
  }

  #dropFieldsOfBytes(fields: HeaderList): void {
    if (this.#hidesBytes) fields.deleteAll(FIELDS_OF_BYTES);
  }

  #close(): void {
    const { agent, call } = this.#parts;
    const trailers = this.#trailers;
    if (trailers !== undefined) {
      stripTrailers(trailers);
      this.#dropFieldsOfBytes(trailers);
      call.scrubbed += scrubHeaders(trailers, this.#authentication);
    }
    agent.sendEnd(trailers);
    agent.flush();
    this.#parts.owner.relayed();
  }
}

function bodyLength({ framing }: ResponseHead, decoded: boolean): BodyLength {
  if (framing.kind === 'none') return 'none';
  return framing.kind === 'length' && !decoded ? 'declared' : 'unknown';
}
