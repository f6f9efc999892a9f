import { EventEmitter } from 'node:events';
import { Socket, type SocketConstructorOpts } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInThisContext } from 'node:vm';
import { expect, test } from 'vitest';
import { shareSocketShapes } from '../../../../proxy/io/socket-shapes.ts';

/** Every emitter begins with it, and net.Socket hands it its copy of the options. */
const Emitters = EventEmitter as unknown as { init(this: unknown, options: unknown): void };

/** What net.Socket makes of its options. */
function optionsOf(options: SocketConstructorOpts): unknown {
  const { init } = Emitters;
  const seen: unknown[] = [];
  Emitters.init = function (given) {
    seen.push(given);
    init.call(this, given);
  };
  new Socket(options).destroy();
  Emitters.init = init;
  return seen[0];
}

// Kept apart from other tests, like those that ask for --expose-gc: flags are the whole process's.
test('the options of sockets share their shape', () => {
  setFlagsFromString('--allow-natives-syntax');
  const haveSameShape = runInThisContext('(one, other) => %HaveSameMap(one, other)') as (
    one: unknown,
    other: unknown,
  ) => boolean;
  const make = (): unknown => optionsOf({ allowHalfOpen: true, readable: true, writable: true });
  shareSocketShapes();
  const made = Array.from({ length: 20 }, make);
  expect(made[0]).toMatchObject({ allowHalfOpen: true, emitClose: false });
  expect(haveSameShape(made[18], made[19])).toBe(true);
});

test('versions of V8 that share them by themselves are left alone', () => {
  const { init } = Emitters;
  let made = 0;
  Emitters.init = function (given) {
    made += 1;
    init.call(this, given);
  };
  shareSocketShapes('12.4.254.21-node.33');
  Emitters.init = init;
  expect(made).toBe(0);
});
