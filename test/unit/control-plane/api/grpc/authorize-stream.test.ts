import { EventEmitter } from 'node:events';
import { expect, it } from 'vitest';
import { AnswerWriter, refuseTooLong, sizeOf } from '../../../../../control-plane/api/grpc/authorize-stream.ts';
import type { AuthorizeResponse } from '../../../../../proto/gen/sidekey/v1/proxy.ts';
import { InspectedFacts } from '../../../../../proto/gen/sidekey/v1/route.ts';

class FakeCall extends EventEmitter {
  destroyed = false;
  cancelled = false;
  room = true;
  readonly written: AuthorizeResponse[] = [];
  write(answer: AuthorizeResponse): boolean {
    this.written.push(answer);
    return this.room;
  }
}

const ANSWER: AuthorizeResponse = { id: 1, outcome: undefined };

function start(writer: AnswerWriter<AuthorizeResponse>): { done: boolean } {
  const state = { done: false };
  void writer.write(ANSWER).then(() => (state.done = true));
  return state;
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

it.each(['drain', 'close', 'cancelled', 'error'])('an answer counts as given at %s only', async (event) => {
  const call = new FakeCall();
  const writer = new AnswerWriter(call as never);
  call.room = false;
  const waiting = Array.from({ length: 100 }, () => start(writer));
  await settle();
  expect(waiting.some(({ done }) => done)).toBe(false);
  expect(call.listenerCount('drain')).toBe(1);
  call.once('error', () => undefined);
  call.emit(event);
  await settle();
  expect(waiting.every(({ done }) => done)).toBe(true);
  expect(call.listenerCount('drain') + call.listenerCount('close')).toBe(0);
});

it('with room, or nobody there, nothing waits', async () => {
  const call = new FakeCall();
  await new AnswerWriter(call as never).write(ANSWER);
  call.cancelled = true;
  await new AnswerWriter(call as never).write(ANSWER);
  expect(call.written).toHaveLength(1);
});

it('refuses a question of more than 64 KB', () => {
  const question = (query: string, value: string, path = '/', policyChange = '') => {
    const http = { method: 'GET', path, query, headers: [{ name: 'x', value }], inspected: undefined };
    const request = {
      id: 7,
      destination: undefined,
      deadlineMs: 1,
      policyVersion: 0,
      policyChange,
      dryRun: false,
      http,
    };
    return refuseTooLong(request, sizeOf(request));
  };
  expect(question('q'.repeat(32_768), 'v'.repeat(32_763))).toBeUndefined();
  expect(question('', '', '/', 'c'.repeat(65_536))).toMatchObject({ id: 7, outcome: { $case: 'denial' } });
  expect(question('', '', `/${'p'.repeat(65_536)}`)).toMatchObject({ id: 7, outcome: { $case: 'denial' } });
  expect(question('q'.repeat(32_768), 'v'.repeat(32_768))).toMatchObject({
    id: 7,
    outcome: { $case: 'denial', value: { reason: 41 } },
  });
});

it('refuses a question with more than 256 KB read of the body', () => {
  const question = (selectors: string[]) => {
    const inspected = { ...InspectedFacts.create(), selectors };
    const http = { method: 'POST', path: '/', query: '', headers: [], inspected };
    const request = {
      id: 8,
      destination: undefined,
      deadlineMs: 1,
      policyVersion: 0,
      policyChange: '',
      dryRun: false,
      http,
    };
    return refuseTooLong(request, sizeOf(request));
  };
  expect(question(['s'.repeat(262_100)])).toBeUndefined();
  expect(question(['s'.repeat(262_144)])).toMatchObject({ id: 8, outcome: { $case: 'denial', value: { reason: 41 } } });
});
