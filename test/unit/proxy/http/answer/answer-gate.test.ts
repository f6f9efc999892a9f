import { expect, test } from 'vitest';
import { AnswerGate } from '../../../../../proxy/http/answer/answer-gate.ts';
import type { AnswerFilter, ListedThing } from '../../../../../proxy/inspection/answer-filter.ts';
import { JsonListFilter, StreamListFilter } from '../../../../../proxy/inspection/list-filter.ts';

const LIST = 'data: {"result":{"tools":[{"name":"a"},{"name":"b"}]}}\n\n';

/** A gate, and what it tells its sink. */
function gateOf(
  filter: AnswerFilter,
  ask: (things: readonly ListedThing[]) => Promise<boolean[]>,
  sent: Buffer[] = [],
): { gate: AnswerGate; log: string[] } {
  const log: string[] = [];
  const gate = new AnswerGate(filter, ask, {
    send: (bytes) => {
      sent.push(Buffer.from(bytes));
      log.push('send');
    },
    wait: (isWaiting) => log.push(`wait ${isWaiting}`),
    finished: () => log.push('finished'),
    failed: (error) => log.push(`failed ${String(error)}`),
  });
  return { gate, log };
}

test('an end that comes as soon as the source goes on finishes the answer once', async () => {
  const log: string[] = [];
  const gate: AnswerGate = new AnswerGate(new StreamListFilter(), async (things) => things.map(() => true), {
    send: () => log.push('send'),
    wait: (isWaiting) => {
      log.push(`wait ${isWaiting}`);
      if (!isWaiting) gate.end();
    },
    finished: () => log.push('finished'),
    failed: (error) => log.push(String(error)),
  });
  gate.push(Buffer.from(LIST));
  await new Promise((resolve) => setImmediate(resolve));
  expect(log).toEqual(['wait true', 'send', 'wait false', 'finished']);
});

test('a list that comes as soon as the source goes on is asked for as well', async () => {
  const log: string[] = [];
  let more = 2;
  const gate: AnswerGate = new AnswerGate(new StreamListFilter(), async (things) => things.map(() => false), {
    send: (bytes) => log.push(bytes.toString()),
    wait: (isWaiting) => {
      if (isWaiting) return;
      more -= 1;
      if (more >= 0) gate.push(Buffer.from(LIST));
      else gate.end();
    },
    finished: () => log.push('finished'),
    failed: (error) => log.push(String(error)),
  });
  gate.push(Buffer.from(LIST));
  for (let turn = 0; turn < 10; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  const emptied = 'data: {"result":{"tools":[]}}\n\n';
  expect(log).toEqual([emptied, emptied, emptied, 'finished']);
});

test('two lists in one piece are asked for one after the other, and the source waits for both', async () => {
  const { gate, log } = gateOf(new StreamListFilter(), async (things) => things.map(() => true));
  gate.push(Buffer.from(LIST + LIST));
  gate.end();
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  expect(log.filter((text) => text !== 'send')).toEqual(['wait true', 'wait true', 'wait false', 'finished']);
});

test('bytes that wait for policy are not those of a buffer that is used again', async () => {
  const sent: Buffer[] = [];
  const { gate } = gateOf(new JsonListFilter(), async (things) => things.map(() => true), sent);
  const list = '{"result":{"tools":[{"name":"a"}]}}';
  const lent = Buffer.from(list);
  gate.push(lent);
  lent.fill('x');
  gate.end();
  await new Promise((resolve) => setImmediate(resolve));
  expect(Buffer.concat(sent).toString()).toBe(list);
});

test('who cannot ask is told why, unless the exchange is over', async () => {
  for (const [closes, expected] of [
    [false, ['wait true', 'failed Error: away']],
    [true, ['wait true']],
  ] as const) {
    const { gate, log } = gateOf(new StreamListFilter(), () => Promise.reject(new Error('away')));
    gate.push(Buffer.from(LIST));
    if (closes) gate.close();
    await new Promise((resolve) => setImmediate(resolve));
    expect(log).toEqual(expected);
  }
});

test('policy is asked nothing for an exchange that is over', () => {
  const { gate, log } = gateOf(new StreamListFilter(), async (things) => things.map(() => true));
  gate.close();
  gate.push(Buffer.from(LIST));
  expect(log).toEqual([]);
});

test('nothing follows once the exchange is over', async () => {
  const { gate, log } = gateOf(new JsonListFilter(), async (things) => things.map(() => true));
  gate.push(Buffer.from('{"result":{"tools":[{"name":"a"}]}}'));
  gate.end();
  gate.close();
  await new Promise((resolve) => setImmediate(resolve));
  expect(log).toEqual(['wait true']);
});
