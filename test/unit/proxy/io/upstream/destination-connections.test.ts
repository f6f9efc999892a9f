import { expect, test } from 'vitest';
import { DestinationConnections } from '../../../../../proxy/io/upstream/destination-connections.ts';
import type { Http2Upstream } from '../../../../../proxy/io/upstream/http2-upstream.ts';
import type { UpstreamConnection } from '../../../../../proxy/io/upstream/upstream-connection.ts';

interface Kept {
  readonly name: string;
  readonly usable: boolean;
  readonly isOld?: boolean;
  readonly takesWebSockets?: boolean;
  readonly stream: () => string;
  readonly destroy: () => void;
}

function world() {
  const destroyed: string[] = [];
  const kept = (name: string, changes: Partial<Kept> = {}) => {
    const one = { name, seat: -1, usable: true, stream: () => name, destroy: () => destroyed.push(name), ...changes };
    return one as unknown as UpstreamConnection & Http2Upstream;
  };
  const isYoung = (one: unknown): boolean => (one as Kept).isOld !== true;
  return { connections: new DestinationConnections(), kept, isYoung, destroyed };
}

test('an exchange gets the one used last of those that still serve; the others are closed', () => {
  const { connections, kept, isYoung, destroyed } = world();
  const [first, second] = [kept('first'), kept('second')];
  connections.idle.push(first, second, kept('old', { isOld: true }), kept('gone', { usable: false }));
  expect(connections.takeIdle(isYoung)).toBe(second);
  expect(destroyed).toEqual(['gone', 'old']);
  expect(connections.takeIdle(isYoung)).toBe(first);
  expect(connections.takeIdle(isYoung)).toBeUndefined();
});

test('a stream is of the first that serves, and of one that takes WebSockets if it is for one', () => {
  const { connections, kept, isYoung, destroyed } = world();
  connections.shared.push(kept('old', { isOld: true }), kept('full', { usable: false }));
  expect(connections.takeShared('exchange', isYoung)).toBeUndefined();
  connections.shared.push(kept('plain', { takesWebSockets: false }));
  expect(connections.takeShared('web-socket', isYoung)).toBeUndefined();
  connections.shared.push(kept('both', { takesWebSockets: true }));
  expect(connections.takeShared('exchange', isYoung)).toBe('plain');
  expect(connections.takeShared('web-socket', isYoung)).toBe('both');
  expect(destroyed).toEqual([]);
});

test('what is closed is forgotten, and nothing else', () => {
  const { connections, kept } = world();
  expect(connections.count).toBe(0);
  const [idle, shared, other] = [kept('idle'), kept('shared'), kept('other')];
  for (const one of [idle, shared, other]) connections.all.add(one);
  connections.opening = 2;
  connections.idle.push(other, idle);
  connections.shared.push(shared, other);
  expect(connections.count).toBe(5);
  for (const one of [idle, shared, kept('unknown')]) connections.forget(one);
  expect([connections.idle, connections.shared, connections.count]).toEqual([[other], [other], 3]);
});
