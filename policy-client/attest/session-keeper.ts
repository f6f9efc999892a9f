import { describeError } from '../../common/errors.ts';
import type { Reason } from '../../proto/reasons.ts';
import { Alarm } from './alarm.ts';
import type { Backoff } from '../backoff.ts';
import { failureReason } from '../connection.ts';
import { News } from '../news.ts';
import { ContractError, type Session } from './session.ts';
import type { PolicyClientLog } from '../types.ts';

export interface SessionKeeperOptions {
  readonly attest: () => Promise<Session>;
  readonly nowMs: () => number;
  readonly backoff: Backoff;
  readonly log: PolicyClientLog;
  readonly onSession: (session: Session) => void;
  /** The session held has ended without a successor. */
  readonly onLost: (reason: Reason) => void;
  /** An attempt failed, whether or not a session is still held. */
  readonly onFailure: (reason: Reason) => void;
}

/** Attests, attests again ahead of the session's end, and after refusals; never gives up until closed. */
export class SessionKeeper {
  readonly #options: SessionKeeperOptions;
  readonly #alarm = new Alarm();
  #session: Session | undefined;
  #expiry: NodeJS.Timeout | undefined;
  #closed = false;
  #started = false;
  /** What was asked for in an earlier one comes too late. */
  #era = 0;
  readonly #news = new News();
  attestations = 0;
  failures = 0;

  constructor(options: SessionKeeperOptions) {
    this.#options = options;
  }

  get session(): Session | undefined {
    return this.#session;
  }

  start(): void {
    if (this.#started) return;
    this.#started = true;
    void this.#run();
  }

  /** Drops this session, if it is still the one held, and attests again after a pause. */
  invalidate(session: Session, reason: Reason): void {
    if (this.#session !== session) return;
    this.#drop(reason);
    this.#alarm.ring();
  }

  /** Drops whatever session is held or being asked for, as its evidence is no more what there is, and attests with that. */
  startOver(reason: Reason): void {
    if (this.#closed) return;
    this.#era += 1;
    if (this.#session !== undefined) this.#drop(reason);
    this.#alarm.ring();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#expiry);
    this.#alarm.ring();
    this.#session = undefined;
  }

  async #run(): Promise<void> {
    const { backoff, nowMs } = this.#options;
    while (!this.#closed) {
      const era = this.#era;
      const session = await this.#attestOnce();
      if (this.#closed) return;
      // What was refused meanwhile is no reason to ask again without a pause.
      this.#alarm.clear();
      if (era !== this.#era) continue;
      if (session === undefined) {
        await this.#alarm.wait(backoff.nextMs());
        continue;
      }
      this.#adopt(session);
      while (this.#session === session && nowMs() < session.renewAfter) {
        await this.#alarm.wait(session.renewAfter - nowMs());
      }
      if (this.#session !== session && !this.#closed) await this.#alarm.wait(backoff.nextMs());
    }
  }

  async #attestOnce(): Promise<Session | undefined> {
    const { backoff, log, onFailure } = this.#options;
    try {
      const session = await this.#options.attest();
      this.attestations += 1;
      this.#news.clear();
      return session;
    } catch (error) {
      this.failures += 1;
      const reason = error instanceof ContractError ? 'session-invalid' : failureReason(error);
      const words = describeError(error);
      if (this.#news.isNews(reason, words)) {
        log.warn({ reason, ...aboutClock(error), error: words }, 'attestation failed');
      }
      if (reason === 'overloaded') backoff.lengthen();
      onFailure(reason);
      return undefined;
    }
  }

  #adopt(session: Session): void {
    this.#session = session;
    this.#armExpiry(session);
    const { controlPlaneVersion, state } = session;
    this.#options.log.info({ session: state.id, workloads: state.workloads, controlPlaneVersion }, 'attested');
    this.#options.onSession(session);
  }

  #armExpiry(session: Session): void {
    clearTimeout(this.#expiry);
    const leftMs = session.state.notAfter - this.#options.nowMs();
    if (leftMs <= 0) {
      if (this.#session === session) this.#drop('session-expired');
      return;
    }
    this.#expiry = setTimeout(() => this.#armExpiry(session), Math.min(leftMs, 2 ** 31 - 1));
    this.#expiry.unref();
  }

  #drop(reason: Reason): void {
    clearTimeout(this.#expiry);
    this.#session = undefined;
    this.#options.onLost(reason);
  }
}

/** OpenSSL's words for a certificate of another time, which is a clock that is wrong more often than a certificate that is. */
function aboutClock(error: unknown): { readonly hint?: string } {
  if (!/certificate (is not yet valid|has expired)/.test(describeError(error))) return {};
  return { hint: "compare this machine's clock with that of the control plane" };
}
