import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Socks5Server } from '../../proxy/protocols/socks5/server.ts';
import { timeBox } from '../support/time-box.ts';

const { seconds: SECONDS, runs: TIME_BOX } = timeBox();

const byte = fc.integer({ min: 0, max: 255 });
const start = fc.constantFrom<number[]>([], [5, 1, 0], [5, 2, 0, 2], [5, 1, 2, 1, 0, 0], [5, 1, 0, 5, 1, 0]);
const handshakes = fc
  .tuple(
    start,
    fc.array(byte, { maxLength: 600 }),
    fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 8 }),
  )
  .map(([head, tail, cuts]) => ({ bytes: Buffer.from([...head, ...tail]), cuts }));

test(
  'any bytes end in at most one connect or refusal, whatever the cuts, and none of them throws',
  () => {
    fc.assert(
      fc.property(handshakes, fc.boolean(), ({ bytes, cuts }, asks) => {
        const check = asks ? (password: Buffer) => password.length > 3 : undefined;
        const whole = new Socks5Server(check).receive(Buffer.from(bytes));
        const server = new Socks5Server(check);
        const pieces: ReturnType<Socks5Server['receive']> = [];
        for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
          const size = cuts[turn % cuts.length] ?? 1;
          pieces.push(...server.receive(Buffer.from(bytes.subarray(at, at + size))));
          at += size;
        }
        // What comes behind the request is handed on as it comes, so that only its beginning depends on the cuts.
        const plain = (commands: typeof whole): unknown[] =>
          commands.map((command) => ({ ...command, rest: undefined }));
        expect(plain(pieces)).toEqual(plain(whole));
        expect(whole.filter(({ kind }) => kind !== 'send').length).toBeLessThanOrEqual(1);
      }),
      TIME_BOX,
    );
  },
  (SECONDS + 30) * 1000,
);
