import {
  Metadata,
  type ServerInterceptingCallInterface,
  type ServerListener,
  type ServerMethodDefinition,
} from '@grpc/grpc-js';
import { expect, it } from 'vitest';
import { ReadAhead } from '../../../../../control-plane/api/grpc/read-ahead.ts';

/** Plays grpc-js below the interceptor, and gives what reaches the handler. */
function play(readAhead: ReadAhead) {
  let below: ServerListener | undefined;
  const call = { start: (listener: ServerListener) => (below = listener) };
  const given: unknown[] = [];
  const metadata = new Metadata();
  readAhead
    .interceptor({} as ServerMethodDefinition<unknown, unknown>, call as unknown as ServerInterceptingCallInterface)
    .start({
      onReceiveMetadata: () => given.push('metadata'),
      onReceiveMessage: (message) => given.push(message),
      onReceiveHalfClose: () => given.push('end'),
      onCancel: () => given.push('cancelled'),
    });
  below?.onReceiveMetadata?.(metadata, () => undefined);
  return {
    given,
    metadata,
    message: (message: unknown) =>
      (below as unknown as { onReceiveMessage(one: unknown): void }).onReceiveMessage(message),
    end: () => (below as unknown as { onReceiveHalfClose(): void }).onReceiveHalfClose(),
  };
}

it('gives one message, and each further one when it is wanted, whichever comes first', () => {
  const readAhead = new ReadAhead();
  const call = play(readAhead);
  const other = play(readAhead);
  call.message('one');
  call.message('two');
  expect(call.given).toEqual(['metadata', 'one']);
  readAhead.next(call);
  expect(call.given).toEqual(['metadata', 'one', 'two']);
  readAhead.next(call);
  call.message('three');
  expect(call.given).toEqual(['metadata', 'one', 'two', 'three']);
  other.message('its own');
  expect(other.given).toEqual(['metadata', 'its own']);
});

it('tells of the end behind the last message', () => {
  const readAhead = new ReadAhead();
  const call = play(readAhead);
  call.message('one');
  call.message('two');
  call.end();
  expect(call.given).toEqual(['metadata', 'one']);
  readAhead.next(call);
  expect(call.given).toEqual(['metadata', 'one', 'two', 'end']);
});
