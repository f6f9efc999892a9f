import { type TunnelClient, TunnelError } from '../../../proxy/protocols/tunnel-client.ts';
import { everyCut } from './http1-play.ts';

export interface PlayedTunnel {
  readonly sent: Buffer[];
  readonly rest: string | undefined;
  readonly error: string | undefined;
  readonly message?: string;
}

/** Plays a proxy's answers, each sent once the client has said the last thing, with each of them cut in every way. */
export function* playTunnel(create: () => TunnelClient, answers: readonly Buffer[]): Generator<PlayedTunnel> {
  for (let which = 0; which < answers.length; which += 1) {
    for (const cut of everyCut(answers[which] ?? Buffer.alloc(0))) {
      const pieces = answers.flatMap((answer, index) => (index === which ? cut : [Buffer.from(answer)]));
      yield playOnce(create(), pieces);
    }
  }
}

function playOnce(client: TunnelClient, pieces: readonly Buffer[]): PlayedTunnel {
  const sent: Buffer[] = [];
  let rest: string | undefined;
  try {
    client.start();
    for (const piece of pieces) {
      if (rest !== undefined) {
        rest += piece.toString('latin1');
        continue;
      }
      const step = client.receive(piece);
      if (step.kind === 'send') sent.push(step.bytes);
      if (step.kind === 'open') rest = step.rest.toString('latin1');
    }
  } catch (error) {
    if (!(error instanceof TunnelError)) throw error;
    return { sent, rest, error: error.code, message: error.message };
  }
  return { sent, rest, error: undefined };
}
