import { randomUUID } from 'node:crypto';
import { type BodyTransform, chainTransforms } from '../../credentials/body-transform.ts';
import type { Secret } from '../../../common/secret.ts';
import type { RequestSignature, SigningMoment } from '../../credentials/inject.ts';
import { type Scrubber, scrubberOfCall } from '../../credentials/scrubbing/scrub.ts';
import type { HeaderList } from '../../protocols/header-list.ts';
import type { ProxyServices } from '../services.ts';

type SigningServices = Pick<ProxyServices, 'clock' | 'dpopNonces'>;

/** The last step of a request: its signatures, over the head and body as they leave. */
export class SignedRequest {
  /** Hold the body and give it to `sign`. */
  readonly needsWholeBody: boolean;
  readonly #signatures: readonly RequestSignature[];
  readonly #services: SigningServices;
  readonly #secrets: readonly Secret[];
  /** Of all attempts, since an answer may show either. */
  readonly #made: Secret[] = [];
  /** What was signed holds for one body. */
  #coversBody = false;

  /** @param secrets - Of the credentials that are in the request already. */
  constructor(signatures: readonly RequestSignature[], secrets: readonly Secret[], services: SigningServices) {
    this.#signatures = signatures;
    this.#secrets = secrets;
    this.#services = services;
    this.needsWholeBody = signatures.some((signature) => signature.needsWholeBody);
  }

  /**
   * Sets the headers of all signatures.
   *
   * @param before - Through which the body goes first.
   * @returns through which the body must go.
   * @throws InjectionError
   */
  sign(body: Buffer | undefined, before: BodyTransform | undefined): BodyTransform | undefined {
    let transform = before;
    if (this.#signatures.length === 0) return transform;
    const { clock, dpopNonces } = this.#services;
    const moment: SigningMoment = { nowMs: clock.now(), body, nonce: randomUUID, dpopNonces };
    this.#coversBody = body !== undefined && body.length > 0;
    for (const signature of this.#signatures) {
      const signed = signature.sign(moment);
      this.#made.push(signed.value);
      if (signed.transform === undefined) continue;
      this.#coversBody = true;
      transform = chainTransforms(transform, signed.transform);
    }
    return transform;
  }

  /** The same for another attempt, as servers may take a proof once (RFC 9449 11.1). What a body is part of stays as it is. */
  signAnew(): void {
    if (!this.#coversBody) this.sign(undefined, undefined);
  }

  /** For the answer to what was last signed; undefined where no secret went out. */
  scrubber(): Scrubber | undefined {
    return scrubberOfCall(this.#secrets, this.#made);
  }

  /** Shows the answer's head to the signatures; true when the request, signed anew, would be taken. */
  learn(status: number, answer: HeaderList): boolean {
    let again = false;
    for (const { learn } of this.#signatures) {
      if (learn?.(status, answer, this.#services) === true) again = true;
    }
    return again;
  }
}
