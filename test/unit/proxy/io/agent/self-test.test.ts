import { pino } from 'pino';
import { expect, it } from 'vitest';
import { SelfTest } from '../../../../../proxy/io/agent/self-test.ts';

const [OWN, AGENT] = [1337, 1000];
const quiet = pino({ level: 'silent' });

/** A test whose own connections fail at once in the families given, and otherwise end without an answer. */
function started(unrouted: readonly ('IPv4' | 'IPv6')[] = []): SelfTest {
  const test = new SelfTest(OWN, quiet, async (family) => !unrouted.includes(family));
  test.start();
  return test;
}

const saw = (test: SelfTest, host: string, uid: number | undefined): Promise<void> | undefined =>
  test.watch({ host, port: 443 }, async () => uid);

it('waits for another user over each family that has a route', async () => {
  const test = started();
  expect(test.unproven()).toContain('trying');
  await saw(test, '203.0.113.1', AGENT);
  await Promise.resolve();
  expect(test.unproven()).toContain('over IPv6');
  await saw(test, '2001:db8::5', undefined);
  expect(test.unproven()).toContain('over IPv6');
  await saw(test, '2001:db8::5', AGENT);
  expect(test.unproven()).toBeUndefined();
  // Once proven, connections wait for nothing.
  expect(saw(test, '203.0.113.1', AGENT)).toBeUndefined();
});

it('a family without a route needs no proof, but one of them does', async () => {
  const test = started(['IPv6']);
  await Promise.resolve();
  expect(test.unproven()).toContain('over IPv4 was');
  await saw(test, '203.0.113.1', AGENT);
  expect(test.unproven()).toBeUndefined();
  const nowhere = started(['IPv4', 'IPv6']);
  await Promise.resolve();
  expect(nowhere.unproven()).toContain('no route');
});

it("never passes again once the proxy's own traffic came back", async () => {
  const test = started();
  await saw(test, '192.0.2.1', OWN);
  await saw(test, '203.0.113.1', AGENT);
  await saw(test, '2001:db8::5', AGENT);
  expect(test.unproven()).toContain('redirected to itself');
});
