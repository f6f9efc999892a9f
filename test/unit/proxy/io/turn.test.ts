import { expect, test } from 'vitest';
import { readAtTurnEnd, writeAtTurnEnd } from '../../../../proxy/io/turn.ts';
import { turnEnd } from '../../../support/turn-end.ts';

test('everything is read before anything is written, in the order asked for, once', async () => {
  const done: string[] = [];
  const writer = (name: string) => ({ writeTurn: () => done.push(`write ${name}`) });
  const reader = (name: string) => ({
    readTurn: () => {
      done.push(`read ${name}`);
      writeAtTurnEnd(writer(name));
    },
  });
  writeAtTurnEnd(writer('early'));
  readAtTurnEnd(reader('a'));
  readAtTurnEnd(reader('b'));
  expect(done).toEqual([]);
  await turnEnd();
  expect(done).toEqual(['read a', 'read b', 'write early', 'write a', 'write b']);
  await turnEnd();
  expect(done).toHaveLength(5);
});

test('what asks again at the end of a turn has the end of the next', async () => {
  const done: string[] = [];
  const again = {
    readTurn: () => {
      if (done.push('read') < 3) readAtTurnEnd(again);
    },
    writeTurn: () => {
      if (done.push('write') < 3) writeAtTurnEnd(again);
    },
  };
  readAtTurnEnd(again);
  for (let turn = 0; turn < 3; turn += 1) await turnEnd();
  expect(done).toEqual(['read', 'read', 'read']);
  done.length = 0;
  writeAtTurnEnd(again);
  for (let turn = 0; turn < 3; turn += 1) await turnEnd();
  expect(done).toEqual(['write', 'write', 'write']);
});
