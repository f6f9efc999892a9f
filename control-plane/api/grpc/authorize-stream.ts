import type { ServerDuplexStream } from '@grpc/grpc-js';
import type { AuthorizeRequest, AuthorizeResponse } from '../../../proto/gen/sidekey/v1/proxy.ts';
import { InspectedFacts } from '../../../proto/gen/sidekey/v1/route.ts';
import { REASONS } from '../../../proto/reasons.ts';
import { isOver } from './open-streams.ts';

export type AuthorizeCall = ServerDuplexStream<AuthorizeRequest, AuthorizeResponse>;

const MAX_QUESTION_BYTES = 65_536;
const MAX_INSPECTED_BYTES = 262_144;

/** Octets of what a question holds that its sender may make as long as it likes. */
export interface QuestionSize {
  readonly facts: number;
  readonly inspected: number;
}

export function sizeOf({ destination, http, policyChange }: AuthorizeRequest): QuestionSize {
  let facts = 0;
  for (const text of [destination?.host ?? '', destination?.scheme ?? '', policyChange])
    facts += Buffer.byteLength(text);
  if (http === undefined) return { facts, inspected: 0 };
  for (const text of [http.method, http.path, http.query]) facts += Buffer.byteLength(text);
  for (const { name, value } of http.headers) facts += Buffer.byteLength(name) + Buffer.byteLength(value);
  return { facts, inspected: http.inspected === undefined ? 0 : InspectedFacts.encode(http.inspected).finish().length };
}

/** The denial of a question whose facts are longer than any that a proxy sends; undefined for all others. */
export function refuseTooLong(
  { id }: AuthorizeRequest,
  { facts, inspected }: QuestionSize,
): AuthorizeResponse | undefined {
  if (facts <= MAX_QUESTION_BYTES && inspected <= MAX_INSPECTED_BYTES) return undefined;
  const message = `the request's head is over ${MAX_QUESTION_BYTES} bytes, or what was read of the body is over ${MAX_INSPECTED_BYTES}`;
  const value = { reason: REASONS['head-too-large'].number, message, accessPolicy: '', cacheLease: undefined };
  return { id, outcome: { $case: 'denial', value } };
}

/** A call whose answers are these. */
type AnsweredCall<Answer> = Pick<
  ServerDuplexStream<unknown, Answer>,
  'write' | 'once' | 'off' | 'destroyed' | 'cancelled' | 'writableEnded'
>;

/** Writes answers no faster than the proxy reads them: one that asks and does not read must not fill our memory. */
export class AnswerWriter<Answer> {
  readonly #call: AnsweredCall<Answer>;
  /** Shared by all answers that wait, until the proxy takes more or is gone. */
  #room: Promise<void> | undefined;

  constructor(call: AnsweredCall<Answer>) {
    this.#call = call;
  }

  /** Resolves when there is room for the next answer, or nobody who would read it. */
  async write(answer: Answer): Promise<void> {
    if (isOver(this.#call) || this.#call.write(answer) || isOver(this.#call)) return;
    this.#room ??= this.#waitForRoom();
    await this.#room;
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
