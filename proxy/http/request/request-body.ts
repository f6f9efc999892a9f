import type { ByteBudget } from '../../../common/byte-budget.ts';
import { KeptBytes } from '../../../common/kept-bytes.ts';
import type { BodyTransform } from '../../credentials/body-transform.ts';
import type { HeaderList } from '../../protocols/header-list.ts';
import { Refusal } from '../../refusal.ts';
import type { UpstreamStream } from '../streams.ts';

/** The way on which what the agent sends reaches the upstream. */
export interface RequestPath {
  /** False while request events must wait in the agent's stream. */
  readonly acceptsAgent: boolean;
  /** Bytes of the request; lent until this returns. */
  fromAgent(bytes: Buffer): void;
  agentEnded(trailers: HeaderList | undefined): void;
  /** Sends what one read has brought. */
  flush(): void;
  /** The upstream takes more; true when the agent's stream has been waiting for that. */
  upstreamDrained(): boolean;
}

type State =
  | { readonly name: 'waiting' }
  | { readonly name: 'held'; readonly limitBytes: number; readonly next: (body: Buffer | undefined) => void }
  | { readonly name: 'flowing'; readonly upstream: UpstreamStream; readonly transform: BodyTransform | undefined }
  | { readonly name: 'dropped' };

const WAITING: State = Object.freeze({ name: 'waiting' });
const DROPPED: State = Object.freeze({ name: 'dropped' });

/** Octets of a body that are kept, so that it can go again where the upstream did not act on it. */
const MAX_KEPT_BYTES = 65_536;

/**
 * A request's body on its way: it waits in the agent's stream until the call is decided, is held whole (within a limit)
 * where a rule or a signature must read all of it, and then flows to the upstream.
 */
export class RequestBody implements RequestPath {
  /** Bytes that the agent has sent. */
  bytes = 0;
  /** The agent has sent its end. */
  done = false;
  /** Some of it went to the upstream. */
  sent = false;
  #state: State = WAITING;
  readonly #budget: ByteBudget;
  readonly #held = new KeptBytes();
  /** Of the budget. */
  #heldBytes = 0;
  /** All that went, as it went, if it is kept: while it is little and the upstream has not answered. */
  #kept: KeptBytes | undefined;
  #keeps = true;
  /** The transform was told the end, and what it then gave is with the rest. */
  #ended = false;
  #trailers: HeaderList | undefined;
  #full = false;

  constructor(budget: ByteBudget) {
    this.#budget = budget;
  }

  get acceptsAgent(): boolean {
    return this.#state.name === 'held' || (this.#state.name === 'flowing' && !this.#full);
  }

  /** All that went is still here, so that it can go again. */
  get isKept(): boolean {
    return !this.sent || this.#keeps;
  }

  /** Credential places in the body that the agent had filled, once the body has ended. */
  get removed(): readonly string[] {
    return this.#state.name === 'flowing' ? (this.#state.transform?.removed ?? []) : [];
  }

  /**
   * Takes in the body and calls `next` with all of it, or with undefined as soon as it proves longer than `limitBytes`.
   * The bytes are kept for the upstream.
   */
  hold(limitBytes: number, next: (body: Buffer | undefined) => void): void {
    this.#state = { name: 'held', limitBytes, next };
    this.#settleHeld();
  }

  /** From now on everything goes to the upstream, first what is kept, then what was held. */
  flow(upstream: UpstreamStream, transform: BodyTransform | undefined): void {
    this.#state = { name: 'flowing', upstream, transform };
    this.#full = false;
    this.#giveKept()?.drain((bytes) => this.#emit(bytes));
    this.#giveHeld();
    this.#held.drain((bytes) => this.#send(bytes));
    if (this.done) this.#sendEnd();
  }

  /** Back to waiting: the upstream is gone and has acted on nothing of the body. */
  detach(): void {
    this.#state = WAITING;
    if (this.#kept === undefined) this.#ended = false;
  }

  /** The upstream has acted on it. */
  forget(): void {
    this.#giveKept()?.clear();
    this.#keeps = false;
  }

  /** The call is over: what still arrives is nobody's. */
  drop(): void {
    this.#state = DROPPED;
    this.#giveHeld();
    this.#held.clear();
    this.forget();
  }

  /** @throws Refusal `overloaded` when all calls together hold too much */
  fromAgent(bytes: Buffer): void {
    this.bytes += bytes.length;
    if (this.#state.name === 'flowing') return this.#send(bytes);
    if (this.#state.name !== 'held') return;
    if (!this.#budget.take(bytes.length)) throw new Refusal('overloaded', 'too many request bodies are held');
    this.#heldBytes += bytes.length;
    this.#held.add(bytes);
    this.#settleHeld();
  }

  agentEnded(trailers: HeaderList | undefined): void {
    this.done = true;
    this.#trailers = trailers;
    if (this.#state.name === 'flowing') this.#sendEnd();
    else this.#settleHeld();
  }

  flush(): void {
    if (this.#state.name === 'flowing' && !this.#state.upstream.flush()) this.#full = true;
  }

  upstreamDrained(): boolean {
    const waited = this.#full;
    this.#full = false;
    return waited;
  }

  /** What is held counts no more. */
  #giveHeld(): void {
    this.#budget.give(this.#heldBytes);
    this.#heldBytes = 0;
  }

  #send(bytes: Buffer): void {
    if (this.#state.name !== 'flowing') return;
    const { transform } = this.#state;
    this.sent = true;
    if (transform === undefined) return this.#emit(bytes);
    for (const changed of transform.push(bytes)) this.#emit(changed);
  }

  #keep(bytes: Buffer): void {
    if (!this.#keeps) return;
    const isLittle = (this.#kept?.length ?? 0) + bytes.length <= MAX_KEPT_BYTES;
    if (!isLittle || !this.#budget.takeSpare(bytes.length)) return this.forget();
    this.#kept ??= new KeptBytes();
    this.#kept.add(bytes);
  }

  /** What was kept, which is and counts no more. */
  #giveKept(): KeptBytes | undefined {
    const kept = this.#kept;
    this.#kept = undefined;
    this.#budget.give(kept?.length ?? 0);
    return kept;
  }

  #sendEnd(): void {
    if (this.#state.name !== 'flowing') return;
    const { upstream, transform } = this.#state;
    if (!this.#ended) for (const changed of transform?.end() ?? []) this.#emit(changed);
    this.#ended = true;
    upstream.sendEnd(this.#trailers);
  }

  #emit(bytes: Buffer): void {
    if (this.#state.name !== 'flowing' || bytes.length === 0) return;
    const { upstream } = this.#state;
    if (upstream.mayRefuse) this.#keep(bytes);
    else this.forget();
    upstream.sendBody(bytes);
  }

  #settleHeld(): void {
    if (this.#state.name !== 'held') return;
    const { limitBytes, next } = this.#state;
    const isLonger = this.bytes > limitBytes;
    if (!isLonger && !this.done) return;
    this.#state = WAITING;
    next(isLonger ? undefined : this.#held.whole());
  }
}
