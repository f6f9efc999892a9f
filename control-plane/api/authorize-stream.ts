import type { ServerDuplexStream } from '@grpc/grpc-js';
import type { AuthorizeRequest, AuthorizeResponse } from '../../proto/gen/sidekey/v1/proxy.ts';
import { InspectedFacts } from '../../proto/gen/sidekey/v1/route.ts';
import { REASONS } from '../../proto/reasons.ts';

export type AuthorizeCall = ServerDuplexStream<AuthorizeRequest, AuthorizeResponse>;

const MAX_QUESTION_BYTES = 65_536;
const MAX_INSPECTED_BYTES = 262_144;

/** The denial of a question whose facts are longer than any that a proxy sends; undefined for all others. */
export function refuseTooLong({ id, http }: AuthorizeRequest): AuthorizeResponse | undefined {
  if (http === undefined) return undefined;
  let bytes = Buffer.byteLength(http.query);
  for (const { name, value } of http.headers) bytes += Buffer.byteLength(name) + Buffer.byteLength(value);
  const inspectedBytes = http.inspected === undefined ? 0 : InspectedFacts.encode(http.inspected).finish().length;
  if (bytes <= MAX_QUESTION_BYTES && inspectedBytes <= MAX_INSPECTED_BYTES) return undefined;
  const message = `query and headers are over ${MAX_QUESTION_BYTES} bytes, or what was read of the body is over ${MAX_INSPECTED_BYTES}`;
  const value = { reason: REASONS['head-too-large'].number, message, accessPolicy: '', cacheLease: undefined };
  return { id, outcome: { $case: 'denial', value } };
}

/** Writes answers no faster than the proxy reads them: one that asks and does not read must not fill our memory. */
export class AnswerWriter {
  readonly #call: Pick<AuthorizeCall, 'write' | 'once' | 'off' | 'destroyed' | 'cancelled'>;
  /** Shared by all answers that wait, until the proxy takes more or is gone. */
  #room: Promise<void> | undefined;

  constructor(call: Pick<AuthorizeCall, 'write' | 'once' | 'off' | 'destroyed' | 'cancelled'>) {
    this.#call = call;
  }

  /** Resolves when there is room for the next answer, or nobody who would read it. */
  async write(answer: AuthorizeResponse): Promise<void> {
    if (this.#isGone() || this.#call.write(answer) || this.#isGone()) return;
    this.#room ??= this.#waitForRoom();
    await this.#room;
  }

  #isGone(): boolean {
    return this.#call.destroyed || this.#call.cancelled;
  }

  #waitForRoom(): Promise<void> {
    return new Promise((resolve) => {
      const events = ['drain', 'close', 'cancelled', 'error'] as const;
      const done = (): void => {
        for (const event of events) this.#call.off(event, done);
        this.#room = undefined;
        resolve();
      };
      for (const event of events) this.#call.once(event, done);
    });
  }
}
