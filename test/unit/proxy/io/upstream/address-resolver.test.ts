import { networkInterfaces } from 'node:os';
import { describe, expect, test, vi } from 'vitest';
import { parseCidr } from '../../../../../common/net/cidr.ts';
import { Refusal } from '../../../../../proxy/refusal.ts';
import { createResolver, type ResolverOptions } from '../../../../../proxy/io/upstream/address-resolver.ts';

const PUBLIC = '93.184.216.34';

function resolverOf(names: Record<string, string[]>, options: ResolverOptions = {}) {
  let now = 0;
  let asked = 0;
  const resolver = createResolver({
    monotonicMs: () => now,
    lookup: async (host) => {
      asked += 1;
      const found = names[host];
      if (found === undefined) throw new Error('ENOTFOUND');
      return found.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
    },
    ...options,
  });
  return { resolver, asked: () => asked, advance: (ms: number) => (now += ms) };
}

async function reasonOf(resolving: Promise<unknown>): Promise<string> {
  try {
    await resolving;
  } catch (error) {
    if (error instanceof Refusal) return error.reason;
    throw error;
  }
  return 'ok';
}

describe('resolving', () => {
  test('gives every address, canonical and each once', async () => {
    const { resolver } = resolverOf({ 'a.example': [PUBLIC, '2606:4700:0:0::1111', `::ffff:${PUBLIC}`] });
    expect(await resolver.resolve('a.example', 443, [])).toEqual([
      { address: PUBLIC, family: 4 },
      { address: '2606:4700::1111', family: 6 },
    ]);
  });

  test('lets the families take turns, the one that DNS prefers first', async () => {
    const [a, b, c, d] = ['2606:4700::1', '2606:4700::2', '2606:4700::3', '2606:4700::4'];
    const turns = async (...found: string[]) => {
      const { resolver } = resolverOf({ 'a.example': found });
      return (await resolver.resolve('a.example', 443, [])).map(({ address }) => address);
    };
    expect(await turns(a, b, c, d, PUBLIC, '8.8.8.8')).toEqual([a, PUBLIC, b, '8.8.8.8', c, d]);
    expect(await turns(PUBLIC, a, b)).toEqual([PUBLIC, a, b]);
    expect(await turns(a, b)).toEqual([a, b]);
  });

  test.each([
    '10.0.0.1',
    '169.254.169.254',
    '127.0.0.1',
    '::1',
    '::ffff:10.0.0.1',
    'fd00::1',
    'fe80::1%eth0',
    '0.0.0.0',
  ])('A-26: one refused address (%s) among good ones refuses the host', async (bad) => {
    const { resolver } = resolverOf({ 'a.example': [PUBLIC, bad] });
    expect(await reasonOf(resolver.resolve('a.example', 443, []))).toBe('address-refused');
  });

  test('A-26: literal addresses are checked too, without DNS', async () => {
    const { resolver, asked } = resolverOf({});
    expect(await reasonOf(resolver.resolve('169.254.169.254', 80, [parseCidr('169.254.0.0/16')]))).toBe(
      'address-refused',
    );
    expect(await resolver.resolve(PUBLIC, 443, [])).toEqual([{ address: PUBLIC, family: 4 }]);
    expect(asked()).toBe(0);
  });

  test('a server workload may allow a range', async () => {
    const { resolver } = resolverOf({ 'a.example': ['10.1.2.3'] });
    expect(await reasonOf(resolver.resolve('a.example', 443, [parseCidr('10.1.0.0/16')]))).toBe('ok');
    expect(await reasonOf(resolver.resolve('a.example', 443, [parseCidr('10.2.0.0/16')]))).toBe('address-refused');
  });

  test('A-27: an answer is kept for five seconds, checked at every use, and asked for again after', async () => {
    const names: Record<string, string[]> = { 'a.example': ['10.1.2.3'] };
    const { resolver, asked, advance } = resolverOf(names);
    await resolver.resolve('a.example', 443, [parseCidr('10.0.0.0/8')]);
    expect(await reasonOf(resolver.resolve('a.example', 443, []))).toBe('address-refused');
    expect(asked()).toBe(1);
    advance(5000);
    names['a.example'] = [PUBLIC];
    expect(await reasonOf(resolver.resolve('a.example', 443, []))).toBe('ok');
    expect(asked()).toBe(2);
  });

  test('an answer is not kept longer because the clock was set back', async () => {
    let asked = 0;
    const lookup = async () => {
      asked += 1;
      return [{ address: PUBLIC, family: 4 }];
    };
    const resolver = createResolver({ lookup, cacheTtlMs: 1 });
    await resolver.resolve('a.example', 443, []);
    const hourAgo = Date.now() - 3_600_000;
    const clock = vi.spyOn(Date, 'now').mockImplementation(() => hourAgo);
    try {
      await expect.poll(() => resolver.resolve('a.example', 443, []).then(() => asked)).toBeGreaterThan(1);
    } finally {
      clock.mockRestore();
    }
  });

  test('questions at the same time are asked once, and failures are not kept', async () => {
    const names: Record<string, string[]> = {};
    const { resolver, asked } = resolverOf(names);
    const both = [resolver.resolve('a.example', 443, []), resolver.resolve('a.example', 443, [])];
    expect(await Promise.all(both.map(reasonOf))).toEqual(['dns-failed', 'dns-failed']);
    expect(asked()).toBe(1);
    names['a.example'] = [PUBLIC];
    expect(await reasonOf(resolver.resolve('a.example', 443, []))).toBe('ok');
  });

  test('no address, and too many, are refused', async () => {
    const many = Array.from({ length: 65 }, (_, index) => `93.184.216.${index}`);
    const { resolver } = resolverOf({ 'none.example': [], 'many.example': many });
    expect(await reasonOf(resolver.resolve('none.example', 443, []))).toBe('dns-failed');
    expect(await reasonOf(resolver.resolve('many.example', 443, []))).toBe('dns-failed');
  });

  test('a DNS server that never answers ends in dns-failed', async () => {
    const { resolver } = resolverOf({}, { lookup: () => new Promise(() => {}), timeoutMs: 20 });
    expect(await reasonOf(resolver.resolve('a.example', 443, []))).toBe('dns-failed');
  });
});

describe('A-55: Sidekey itself is no upstream', () => {
  const everything = [parseCidr('0.0.0.0/0'), parseCidr('::/0')];
  const names = { 'me.example': ['127.0.0.1'], 'cp.example': ['93.184.216.34'], 'alias.example': ['93.184.216.34'] };

  test('its listener, by any name and even where addresses are allowed', async () => {
    const { resolver } = resolverOf(names);
    resolver.refuse([{ host: '::ffff:127.0.0.1', port: 8080 }]);
    for (const host of ['127.0.0.1', 'me.example', '0.0.0.0']) {
      expect(await reasonOf(resolver.resolve(host, 8080, everything)), host).toBe('loop-refused');
      expect(await reasonOf(resolver.resolve(host, 8081, everything)), host).toBe('ok');
    }
  });

  test.each(['0.0.0.0', '::'])('a listener on %s is refused at every address of this machine', async (everywhere) => {
    const { resolver } = resolverOf(names);
    resolver.refuse([{ host: everywhere, port: 8080 }]);
    const own = Object.values(networkInterfaces()).flatMap((found = []) => found.map(({ address }) => address));
    for (const host of ['127.0.0.1', '127.9.9.9', '::1', '0.0.0.0', '::', '::ffff:127.0.0.1', ...own]) {
      expect(await reasonOf(resolver.resolve(host, 8080, everything)), host).toBe('loop-refused');
      expect(await reasonOf(resolver.resolve(host, 8081, everything)), host).toBe('ok');
    }
    expect(await reasonOf(resolver.resolve(PUBLIC, 8080, everything))).toBe('ok');
  });

  test('a listener on the loopback of IPv6 alone is not on that of IPv4', async () => {
    const { resolver } = resolverOf(names);
    resolver.refuse([{ host: '::1', port: 8080 }]);
    expect(await reasonOf(resolver.resolve('::', 8080, everything))).toBe('loop-refused');
    for (const host of ['127.0.0.1', '127.9.9.9']) {
      expect(await reasonOf(resolver.resolve(host, 8080, everything)), host).toBe('ok');
    }
  });

  test('by its name alone, where nobody has an address for it or somebody else resolves it', async () => {
    const { resolver } = resolverOf(names);
    resolver.refuse([{ host: 'away.example', port: 443 }]);
    expect(await reasonOf(resolver.resolve('away.example', 443, []))).toBe('loop-refused');
    expect(await reasonOf(resolver.resolve('away.example', 8443, []))).toBe('dns-failed');
    expect(() => resolver.refuseOwn('away.example', 443)).toThrow(Refusal);
    expect(() => resolver.refuseOwn('away.example', 8443)).not.toThrow();
    expect(() => resolver.refuseOwn('cp.example', 443)).not.toThrow();
  });

  test('the control plane, by its name and by its addresses', async () => {
    const { resolver } = resolverOf(names);
    resolver.refuse([{ host: 'cp.example', port: 443 }]);
    await new Promise((resolve) => setImmediate(resolve));
    expect(await reasonOf(resolver.resolve('cp.example', 443, []))).toBe('loop-refused');
    expect(await reasonOf(resolver.resolve('alias.example', 443, []))).toBe('loop-refused');
    expect(await reasonOf(resolver.resolve('alias.example', 8443, []))).toBe('ok');
  });
});
