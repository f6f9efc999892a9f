import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { World } from '../support/worlds/world.ts';
import { loopbackServer } from '../support/worlds/world-policy.ts';

describe('paths with an encoded slash, by curl', () => {
  let world: World;
  beforeAll(async () => {
    world = await World.start();
  }, 120_000);
  afterAll(() => world.close());

  const curl = async (path: string): Promise<string> =>
    (await world.agent(['curl', '-s', '--path-as-is', `https://localhost:${world.api.port}${path}`])).stdout;

  it('are refused, until the server workload keeps them; then they arrive as they were sent', async () => {
    expect(await curl('/v1/projects/group%2Fproject')).toContain('path-refused');
    await world.apply(['ServerWorkload', 'api', { ...loopbackServer(world.api), paths: { encodedSlash: 'keep' } }]);
    await expect.poll(() => curl('/v1/projects/group%2fproject?a=b'), { timeout: 10_000 }).toContain('no such thing');
    expect(world.api.seenCalls).toContain('GET /v1/projects/group%2Fproject?a=b');
    expect(await curl('/v1/projects/a%2F..%2Fb')).toContain('path-refused');
    expect(await curl('/v1//items')).toContain('path-refused');
  }, 60_000);
});
