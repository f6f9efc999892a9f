import { expect, test } from 'vitest';
import { ByteBudget } from '../../../../../common/byte-budget.ts';
import { RequestBody } from '../../../../../proxy/http/request/request-body.ts';
import { silentUpstream } from '../../../../support/upstreams/silent-upstream.ts';

test('bodies that are held share one budget, and give it back when they leave or are dropped', () => {
  const budget = new ByteBudget(1_000);
  const [first, second] = [new RequestBody(budget), new RequestBody(budget)];
  for (const body of [first, second]) body.hold(10_000, () => {});
  first.fromAgent(Buffer.alloc(600));
  expect(() => second.fromAgent(Buffer.alloc(600))).toThrow(expect.objectContaining({ reason: 'overloaded' }));
  second.fromAgent(Buffer.alloc(400));
  expect(budget.used).toBe(1_000);
  first.agentEnded(undefined);
  first.flow(silentUpstream(), undefined);
  expect(budget.used).toBe(400);
  second.drop();
  second.drop();
  first.drop();
  expect(budget.used).toBe(0);
});

test('what flows on as it comes is not held', () => {
  const budget = new ByteBudget(10);
  const body = new RequestBody(budget);
  body.flow(silentUpstream(), undefined);
  body.fromAgent(Buffer.alloc(1_000));
  expect(budget.used).toBe(0);
});

const refusing = (sent: string[]) =>
  silentUpstream({
    mayRefuse: true,
    sendBody: (bytes) => void sent.push(bytes.toString()),
    sendEnd: () => void sent.push('end'),
  });

test('what went to an upstream that may refuse it goes again to the next, ahead of the rest', () => {
  const budget = new ByteBudget(1_000);
  const body = new RequestBody(budget);
  const [first, second, third]: [string[], string[], string[]] = [[], [], []];
  body.flow(refusing(first), undefined);
  const lent = Buffer.from('one');
  body.fromAgent(lent);
  lent.fill('x');
  body.fromAgent(Buffer.from('two'));
  expect([body.sent, body.isKept, budget.used]).toEqual([true, true, 6]);
  body.detach();
  expect([body.isKept, budget.used, body.acceptsAgent]).toEqual([true, 6, false]);
  body.flow(refusing(second), undefined);
  body.fromAgent(Buffer.from('three'));
  body.agentEnded(undefined);
  body.detach();
  body.flow(refusing(third), undefined);
  expect([first, second, third].map((sent) => sent.join(' '))).toEqual([
    'one two',
    'onetwo three end',
    'onetwothree end',
  ]);
  expect([body.bytes, budget.used]).toEqual([11, 11]);
  body.forget();
  expect([body.isKept, budget.used]).toEqual([false, 0]);
});

test.each([
  ['it is much', 65_537, 1_000_000, refusing([])],
  ['others need the room', 600, 1_000, refusing([])],
  ['it cannot be refused', 1, 1_000, silentUpstream()],
])('what went is not kept where %s', (_, size, maxBytes, upstream) => {
  const budget = new ByteBudget(maxBytes);
  const body = new RequestBody(budget);
  body.flow(upstream, undefined);
  body.fromAgent(Buffer.alloc(size));
  expect([body.isKept, budget.used]).toEqual([false, 0]);
  body.fromAgent(Buffer.alloc(1));
  expect([body.isKept, budget.used]).toEqual([false, 0]);
  body.drop();
  expect(budget.used).toBe(0);
});

test('what is changed on its way goes again as it went, and is changed once', () => {
  const body = new RequestBody(new ByteBudget(1_000));
  let waiting = '';
  const transform = {
    removed: [],
    push: (bytes: Buffer) => {
      const all = waiting + bytes.toString().toUpperCase();
      waiting = all.slice(-1);
      return [Buffer.from(all.slice(0, -1))];
    },
    end: () => [Buffer.from(`${waiting}.`)],
  };
  const [first, second, third]: [string[], string[], string[]] = [[], [], []];
  body.flow(refusing(first), transform);
  body.fromAgent(Buffer.from('one'));
  body.detach();
  body.flow(refusing(second), transform);
  body.fromAgent(Buffer.from('two'));
  body.agentEnded(undefined);
  body.detach();
  body.flow(refusing(third), transform);
  expect([first, second, third].map((sent) => sent.join(' '))).toEqual(['ON', 'ON ETW O. end', 'ONETWO. end']);
});

test('what is kept is let go with the call', () => {
  const budget = new ByteBudget(1_000);
  const body = new RequestBody(budget);
  body.flow(refusing([]), undefined);
  body.fromAgent(Buffer.alloc(10));
  body.drop();
  body.drop();
  expect(budget.used).toBe(0);
});
