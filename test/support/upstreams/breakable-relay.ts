import net, { type AddressInfo } from 'node:net';

/** TCP in front of a server, to break what a server cannot break by itself: below its TLS, and in the middle of its words. */
export interface BreakableRelay {
  readonly port: number;
  /** The connections it was ever given, as the client of them sees them. */
  readonly fronts: readonly net.Socket[];
  /** Where it leads from now on: a port of 127.0.0.1. */
  to(port: number): void;
  /** Does it to all connections that stand. */
  strike(how: Strike): void;
  close(): Promise<void>;
}

interface Link {
  readonly front: net.Socket;
  readonly back: net.Socket;
}
export type Strike = keyof typeof STRIKES;

const STRIKES = {
  resets: ({ front }: Link) => front.resetAndDestroy(),
  // Without the close_notify of whatever TLS is in it.
  ends: ({ front, back }: Link) => {
    cutLoose({ front, back });
    front.end();
  },
  'sends garbage': ({ front, back }: Link) => {
    cutLoose({ front, back });
    front.write(Buffer.alloc(400, 0xff));
  },
  stalls: cutLoose,
} as const;
export const STRIKE_NAMES = Object.keys(STRIKES) as Strike[];

/** What comes from either side is read, and goes nowhere. */
function cutLoose({ front, back }: Link): void {
  for (const end of [front, back]) {
    end.unpipe();
    end.resume();
  }
}

/** @param at where it listens; port 0 takes a free one */
export async function startBreakableRelay(target = 0, at = { host: '127.0.0.1', port: 0 }): Promise<BreakableRelay> {
  let port = target;
  const fronts: net.Socket[] = [];
  const links = new Set<Link>();
  const server = net.createServer({ allowHalfOpen: true, noDelay: true }, (front) => {
    const back = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
    const link = { front, back };
    fronts.push(front);
    links.add(link);
    front.pipe(back).pipe(front);
    front.on('error', () => back.destroy());
    front.on('close', () => {
      links.delete(link);
      back.destroy();
    });
    back.on('error', () => front.destroy());
  });
  await new Promise<void>((resolve) => server.listen(at, resolve));
  return {
    port: (server.address() as AddressInfo).port,
    fronts,
    to: (next) => (port = next),
    strike: (how) => {
      for (const link of links) STRIKES[how](link);
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const front of fronts) front.destroy();
      }),
  };
}
