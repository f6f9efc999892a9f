import { writeFileSync } from 'node:fs';
import inspector from 'node:inspector/promises';

/** CPU profiles of a forwarder in Node, taken over the measured slices only: `npm run bench -- --profile`. */

const SAMPLE_US = 200;

let session: inspector.Session | undefined;

/** The forwarder's half: `{ profile: 'start' }`, then `{ profile: 'stop', file }`. */
export async function answerProfiling(question: unknown): Promise<unknown> {
  const { profile, file } = question as { profile?: unknown; file?: string };
  if (profile === 'start') {
    session = new inspector.Session();
    session.connect();
    await session.post('Profiler.enable');
    await session.post('Profiler.setSamplingInterval', { interval: SAMPLE_US });
    await session.post('Profiler.start');
    return undefined;
  }
  if (profile === 'stop' && file !== undefined && session !== undefined) {
    const taken = await session.post('Profiler.stop');
    session.disconnect();
    session = undefined;
    writeFileSync(file, JSON.stringify(taken.profile));
    return undefined;
  }
  throw new Error('unknown question');
}
