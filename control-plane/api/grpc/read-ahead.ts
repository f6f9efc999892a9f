import { type Metadata, ServerInterceptingCall, type ServerInterceptor } from '@grpc/grpc-js';

/**
 * Gives the handlers of streams one message at a time. By itself grpc-js reads sixteen ahead of a handler that takes none, however
 * long they are: 40 MB a stream, of a proxy that asks and reads no answers.
 */
export class ReadAhead {
  readonly #calls = new WeakMap<Metadata, OneAtATime>();

  /** For the server. */
  readonly interceptor: ServerInterceptor = (_method, call) => {
    const messages = new OneAtATime();
    return new ServerInterceptingCall(call, {
      start: (next) =>
        next({
          onReceiveMetadata: (metadata, go) => {
            this.#calls.set(metadata, messages);
            go(metadata);
          },
          onReceiveMessage: (message, go) => messages.give(() => go(message)),
        }),
    });
  };

  /** The handler of this call wants its next message; its first comes unasked. */
  next({ metadata }: { readonly metadata: Metadata }): void {
    this.#calls.get(metadata)?.want();
  }
}

/** No more than one is given ahead of being wanted, and grpc-js reads none until that one was given. */
class OneAtATime {
  #isWanted = true;
  #waiting: (() => void) | undefined;

  give(message: () => void): void {
    if (!this.#isWanted) {
      this.#waiting = message;
      return;
    }
    this.#isWanted = false;
    message();
  }

  want(): void {
    const message = this.#waiting;
    this.#waiting = undefined;
    if (message === undefined) this.#isWanted = true;
    else message();
  }
}
