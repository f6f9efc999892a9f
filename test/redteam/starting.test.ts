import { existsSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { World } from '../support/worlds/world.ts';

describe.skipIf(!existsSync('dist/sidekey.js'))(
  'the proxy that `sidekey run` starts (needs dist/: npm run build)',
  () => {
    let world: World;
    beforeAll(async () => {
      world = await World.start();
    }, 120_000);
    afterAll(() => world.close());

    test("A-36: the agent's own arguments and environment are not the proxy's", async () => {
      const script = `
      process.env.SIDEKEY_UNROUTED = 'tunnel';
      process.env.NODE_OPTIONS = '--require=/nonexistent';
      console.log(JSON.stringify(process.argv.slice(1)));
      console.log(JSON.stringify(Object.keys(process.env).filter((name) => name.startsWith('SIDEKEY_') && name !== 'SIDEKEY_UNROUTED')));
      fetch('https://unrouted.example.com/').then((answer) => answer.text(), (error) => String(error.cause ?? error)).then(console.log);`;
      const command = [process.execPath, '-e', script, '--', '--unrouted', 'tunnel', '--control-plane', 'evil:1'];
      const { code, stdout } = await world.agentWithOwnProxy(command);
      expect(code).toBe(0);
      const [args, settings, answer] = stdout.trim().split('\n');
      expect(JSON.parse(args ?? '')).toEqual(['--unrouted', 'tunnel', '--control-plane', 'evil:1']);
      expect(JSON.parse(settings ?? '')).toEqual([]);
      expect(answer).toMatch(/no-route|403/);
    });

    test('A-36: options before the command are taken up to the command, and no further', async () => {
      const { stdout } = await world.agentWithOwnProxy([
        'echo',
        '--unrouted',
        'observe',
        '--evidence',
        'oidc=/etc/passwd',
      ]);
      expect(stdout.trim()).toBe('--unrouted observe --evidence oidc=/etc/passwd');
    });
  },
);
