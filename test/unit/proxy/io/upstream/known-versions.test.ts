import { expect, test } from 'vitest';
import type { DialTarget, HttpVersion } from '../../../../../proxy/http/request/dial-target.ts';
import { KnownVersions } from '../../../../../proxy/io/upstream/known-versions.ts';

const to = (host: string, versions: readonly HttpVersion[] = ['h2', 'http/1.1']): DialTarget => ({
  key: `${host}|${versions.join()}`,
  host,
  port: 443,
  tls: true,
  versions,
  serverName: undefined,
  caPem: '',
  allowedAddresses: [],
});

test('of a server that was never dialled, everything may be', () => {
  const known = new KnownVersions();
  expect([known.mayBeShared(to('a')), known.mayCarryWebSocket(to('a'))]).toEqual([true, true]);
});

test.each([
  ['http/1.1', false, true],
  ['h2', true, false],
  ['h2 with WebSockets', true, true],
] as const)('after %s: shared %s, WebSockets %s; the last dial counts', (spoken, shared, webSockets) => {
  const known = new KnownVersions();
  known.learn(to('a'), spoken === 'h2' ? 'http/1.1' : 'h2');
  known.learn(to('a'), spoken);
  expect([known.mayBeShared(to('a')), known.mayCarryWebSocket(to('a'))]).toEqual([shared, webSockets]);
  expect(known.mayBeShared({ ...to('a'), key: 'another identity' })).toBe(shared);
  expect([known.mayBeShared(to('b')), known.mayCarryWebSocket(to('b'))]).toEqual([true, true]);
});

test('where nobody chooses, nothing is learnt', () => {
  const known = new KnownVersions();
  known.learn(to('a', ['http/1.1']), 'http/1.1');
  known.learn(to('b', ['h2']), 'h2');
  expect([known.mayBeShared(to('a')), known.mayCarryWebSocket(to('b'))]).toEqual([true, true]);
  expect([known.mayBeShared(to('a', ['http/1.1'])), known.mayBeShared(to('a', ['h2']))]).toEqual([false, true]);
});
