import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Secret } from '../../common/secret.ts';
import { ConnectClient } from '../../proxy/protocols/http1/connect-client.ts';
import { Socks5Client } from '../../proxy/protocols/socks5/client.ts';
import { type TunnelClient, TunnelError } from '../../proxy/protocols/tunnel-client.ts';
import { timeBox } from '../support/time-box.ts';

/** What a proxy before the upstream may answer: whatever it says and however it is cut, it is a tunnel or a refusal. */

const { seconds: SECONDS, runs: TIME_BOX } = timeBox(2);
const PASSWORD = 'corporate-password';
const credentials = { user: 'ann', password: new Secret(PASSWORD) };
const destination = { host: 'api.test', port: 443 };

const byte = fc.integer({ min: 0, max: 255 });
const noise = fc.array(byte, { maxLength: 30 });
const socksTurn = fc.oneof(
  fc.constantFrom<number[]>(
    [5, 0],
    [5, 2],
    [1, 0],
    [5, 0, 0, 1, 127, 0, 0, 1, 1, 187],
    [5, 0, 0, 3, 1, 97, 0, 80],
    [5, 255],
  ),
  fc.tuple(fc.constantFrom(5, 1, 0), noise).map(([first, rest]) => [first, ...rest]),
);
const httpTurn = fc.oneof(
  fc
    .constantFrom(
      'HTTP/1.1 200 OK\r\n\r\n',
      'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n',
      'HTTP/1.1 103 X\r\n\r\n',
      'HTTP/1.1 407 No\r\nContent-Length: 2\r\n\r\nno',
      'HTTP/1.0 200 OK\r\n',
      '\r\n',
      'HTTP/1.1 ',
    )
    .map((text) => [...Buffer.from(text)]),
  noise,
);

interface Conversation {
  readonly opened: boolean;
  readonly refused: string | undefined;
  readonly said: string;
  readonly rest: string;
}

/** Says the turns one after the other, each in pieces of this size. Throws what is no TunnelError. */
function converse(client: TunnelClient, turns: readonly (readonly number[])[], size: number): Conversation {
  let said = client.start().toString('latin1');
  const bytes = turns.flatMap((turn) => {
    const pieces: Buffer[] = [];
    for (let at = 0; at < turn.length; at += size) pieces.push(Buffer.from(turn.slice(at, at + size)));
    return pieces;
  });
  for (const [at, piece] of bytes.entries()) {
    try {
      const step = client.receive(piece);
      if (step.kind === 'send') said += step.bytes.toString('latin1');
      if (step.kind === 'open') {
        const rest = Buffer.concat([step.rest, ...bytes.slice(at + 1)]).toString('latin1');
        return { opened: true, refused: undefined, said, rest };
      }
    } catch (error) {
      if (!(error instanceof TunnelError)) throw error;
      return { opened: false, refused: error.code, said, rest: '' };
    }
  }
  return { opened: false, refused: undefined, said, rest: '' };
}

const KINDS = [
  ['SOCKS5', socksTurn, () => new Socks5Client(destination, credentials)],
  ['CONNECT', httpTurn, () => new ConnectClient(destination, credentials)],
] as const;

describe.each(KINDS)('%s', (name, turn, create) => {
  test('any answer opens a tunnel or is refused, whatever the cuts', { timeout: (SECONDS + 30) * 1000 }, () => {
    fc.assert(
      fc.property(fc.array(turn, { maxLength: 5 }), fc.integer({ min: 1, max: 12 }), (turns, size) => {
        const cut = converse(create(), turns, size);
        // A turn that says more than it was asked for is refused in one piece, and may pass as an early answer in two.
        if (name === 'CONNECT') expect(cut).toEqual(converse(create(), turns, 1_000));
        if (cut.opened) expect(cut.refused).toBeUndefined();
        const asked = turns.flat().slice(0, 2);
        // The password goes to a proxy that asked for it, and in HTTP to the one that was configured (RFC 7617 2.2).
        if (name === 'SOCKS5' && !(asked[0] === 5 && asked[1] === 2)) expect(cut.said).not.toContain(PASSWORD);
      }),
      TIME_BOX,
    );
  });
});
