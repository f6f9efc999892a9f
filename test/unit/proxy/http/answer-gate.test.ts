import { expect, test } from 'vitest';
import { AnswerGate } from '../../../../proxy/http/answer-gate.ts';
import { JsonListFilter, StreamListFilter } from '../../../../proxy/inspection/list-filter.ts';

const LIST = 'data: {"result":{"tools":[{"name":"a"},{"name":"b"}]}}\n\n';

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

test('nothing follows once the exchange is over', async () => {
  const log: string[] = [];
  const gate = new AnswerGate(new JsonListFilter(), async (things) => things.map(() => true), {
    send: () => log.push('send'),
    wait: (isWaiting) => log.push(`wait ${isWaiting}`),
    finished: () => log.push('finished'),
    failed: () => log.push('failed'),
  });
  gate.push(Buffer.from('{"result":{"tools":[{"name":"a"}]}}'));
  gate.end();
  gate.close();
  await new Promise((resolve) => setImmediate(resolve));
  expect(log).toEqual(['wait true']);
});
