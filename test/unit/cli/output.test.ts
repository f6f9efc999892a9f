import { describe, expect, it } from 'vitest';
import { formatCompletion } from '../../../cli/commands/completion.ts';
import { readEvidenceSources } from '../../../cli/evidence.ts';
import { readKind } from '../../../cli/kinds.ts';
import { formatTable } from '../../../cli/output.ts';
import { paint, printable } from '../../../cli/paint.ts';
import { parseAdmin, parseListen } from '../../../cli/proxy-options.ts';

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
    expect(printable('a\nb\u202e')).toBe('a\uFFFDb\uFFFD');
  });

  it('colours on a terminal only', () => {
    expect(paint('red', 'x', { isTTY: false })).toBe('x');
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
    expect(() => readKind('nonsense')).toThrow('AccessPolicy');
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

describe('completion', () => {
  it.each(['bash', 'zsh', 'fish'] as const)('names every command for %s', async (shell) => {
    const script = await formatCompletion(shell);
    for (const name of ['apply', 'explain', 'verify-log', 'run']) expect(script).toContain(name);
    expect(script).toContain('dry-run');
  });
});
