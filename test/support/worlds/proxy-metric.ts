import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import type { ProxyWorld } from './proxy-world.ts';

/** A metric of a world that has an admin address; NaN when there is none of the name. */
export async function readMetric(world: ProxyWorld, name: string): Promise<number> {
  const [response] = (await once(get(`http://${world.proxy.adminAddress}/metrics`), 'response')) as [IncomingMessage];
  return Number(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\d+)$`, 'm').exec(await text(response))?.[1] ?? Number.NaN);
}
