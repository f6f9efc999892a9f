import { describe, expect, it, vi } from 'vitest';
import { parse } from 'yaml';
import { readEvidenceSources } from '../../../cli/proxy/evidence.ts';
import { readKind } from '../../../cli/kinds.ts';
import { formatTable, toJson, toYaml } from '../../../cli/output.ts';
import { paint, printable } from '../../../cli/paint.ts';
import { parseAdmin, parseListen } from '../../../cli/proxy/proxy-options.ts';

describe('output', () => {
  it('lines columns up and hides control characters from outside', () => {
    expect(
      formatTable(
        ['A', 'B'],
        [
          ['long cell', 'x'],
          ['\u001b[31m', 'y'],
        ],
      ),
    ).toBe('A          B\nlong cell  x\n\uFFFD[31m      y');
    expect(printable('a\nb\u202e\u200f\u200b\u{e0041}')).toBe(`a\uFFFDb${'\uFFFD'.repeat(4)}`);
    expect(JSON.parse(toJson('\u200f\u{e0041}'))).toBe('\u200f\u{e0041}');
    expect(toJson('\u200f\u{e0041}')).toMatch(/^[ -~]+$/);
  });

  it('colours on a terminal only', () => {
    expect(paint('red', 'x', { isTTY: false })).toBe('x');
    expect(paint('red', 'x', { isTTY: true })).toBe('\u001b[31mx\u001b[0m');
  });

  it.each([
    [{ NO_COLOR: '1' }, true, false],
    [{ FORCE_COLOR: '1' }, false, true],
    [{ FORCE_COLOR: '0' }, true, false],
  ])('%j with a terminal: %s', (variables, isTTY, coloured) => {
    for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value);
    expect(paint('red', 'x', { isTTY }) !== 'x').toBe(coloured);
    vi.unstubAllEnvs();
  });
});

describe('readKind', () => {
  it.each(['AccessPolicy', 'accesspolicy', 'accesspolicies', 'access-policy', 'access-policies'])(
    'reads %s',
    (text) => {
      expect(readKind(text)).toBe('AccessPolicy');
    },
  );
  it('names the kinds when it knows none', () => {
    expect(() => readKind('nonsense')).toThrow(/use one of Tenant, .* AccessPolicy$/);
    expect(() => readKind('nonsense', ['sessions'])).toThrow(/AccessPolicy, sessions$/);
  });
});

describe('addresses', () => {
  it.each([
    ['8080', { host: '127.0.0.1', port: 8080 }],
    ['0.0.0.0:1', { host: '0.0.0.0', port: 1 }],
    ['[::1]:0', { host: '::1', port: 0 }],
    ['cp.example.com:7443', { host: 'cp.example.com', port: 7443 }],
  ])('reads %s', (text, expected) => {
    expect(parseListen(text, '--listen')).toEqual(expected);
  });
  it.each(['', 'x', '1:2:3', '127.0.0.1:65536', '127.0.0.1:-1', ':80'])('refuses "%s"', (text) => {
    expect(() => parseListen(text, '--listen')).toThrow('--listen');
  });
  it('takes a path as a unix socket', () => {
    expect(parseAdmin('./admin.sock')).toEqual({ socketPath: './admin.sock' });
  });
});

describe('readEvidenceSources', () => {
  it.each(['oidc', 'user', 'local', 'saml=x', ''])('refuses "%s"', (text) => {
    expect(() => readEvidenceSources([text])).toThrow('--evidence');
  });
});

describe('JSON and YAML of what an agent has named', () => {
  // A tool's name in a decision: C1 controls, which terminals obey as they do escape sequences, and the order of letters.
  const decision = { action: 'mcp:tools/call a\u001b]0;x\u0007b\u009b31mc\u0085d\u202ee\u2028f', path: '/v1/items' };

  it.each([
    ['JSON', toJson(decision), (text: string): unknown => JSON.parse(text)],
    ['JSON in lines', toJson(decision, 2), (text: string): unknown => JSON.parse(text)],
    ['YAML', toYaml(decision), (text: string): unknown => parse(text)],
  ])('%s says the same and holds nothing that a terminal obeys', (_name, text, read) => {
    expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/);
    expect(read(text)).toEqual(decision);
  });
});
