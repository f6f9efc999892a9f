import { readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { DEFAULT_LIMITS } from '../../../proxy/limits.ts';
import { LIMIT_NAMES, parseLimits } from '../../../proxy/limit-settings.ts';

it('reads limits by name, those of a protocol too, and leaves the others as they are', () => {
  const limits = parseLimits(['maxConnections=10000', 'http2.maxConcurrentStreams=7', 'maxConnections=9']);
  expect(limits).toEqual({ maxConnections: 9, http2: { ...DEFAULT_LIMITS.http2, maxConcurrentStreams: 7 } });
  expect(parseLimits([])).toEqual({});
});

it.each(['maxConnection=1', 'http2=1', 'http2.maxFrames=1', '=1', ''])('refuses the name in %j', (text) => {
  expect(() => parseLimits([text])).toThrow(/there is no limit/);
});

it.each(['0', '-1', '1.5', '1e3', '', ' 1', '9999999999999999'])('refuses the value %j', (value) => {
  expect(() => parseLimits([`maxConnections=${value}`])).toThrow(
    '--limit maxConnections: give a whole number above zero',
  );
});

it('refuses what HTTP/2 cannot work with', () => {
  expect(() => parseLimits(['http2.maxFrameBytes=16383'])).toThrow('give 16384 or more');
});

it.each(['connectTimeoutMs=2147483648', 'http2.streamWindowBytes=2147483648', 'http2.maxFrameBytes=16777216'])(
  'refuses %s, which no timer or no protocol can hold',
  (setting) => {
    expect(() => parseLimits([setting])).toThrow('or less');
  },
);

it('takes the longest times and sizes that there are', () => {
  expect(parseLimits(['connectTimeoutMs=2147483647', 'maxHeldBytes=999999999999999'])).toEqual({
    connectTimeoutMs: 2_147_483_647,
    maxHeldBytes: 999_999_999_999_999,
  });
});

it('knows every limit by name', () => {
  expect(LIMIT_NAMES.length).toBeGreaterThan(35);
  expect(new Set(LIMIT_NAMES.map(({ name }) => name)).size).toBe(LIMIT_NAMES.length);
});

it('every limit has a test that names it, beside those of this file', () => {
  const files = readdirSync('test', { recursive: true, encoding: 'utf8' });
  const tests = files.filter((name) => name.endsWith('.test.ts') && !name.endsWith('limit-settings.test.ts'));
  const text = tests.map((name) => readFileSync(`test/${name}`, 'utf8')).join('\n');
  const untested = LIMIT_NAMES.filter(({ name }) => !new RegExp(`\\b${name.split('.').at(-1)}\\b`).test(text));
  expect(untested.map(({ name }) => name)).toEqual([]);
});

// openai 3.57 and anthropic 2.14 (Python), openai 7.59 and @anthropic-ai/sdk 1.14 (Node): DEFAULT_TIMEOUT.
it('an SDK gives a model up before the proxy does, which it would answer by asking twice more', () => {
  expect(DEFAULT_LIMITS.responseTimeoutMs).toBeGreaterThan(600_000);
});
