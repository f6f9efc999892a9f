import { spawnSync } from 'node:child_process';
import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { COMMANDS } from '../../../../cli/commands.ts';
import { formatCompletion } from '../../../../cli/commands/completion.ts';

/** Asks a real shell what it offers for a line, after it loaded our script from its standard input. */
const SHELLS = {
  bash: (line: string) => [
    'bash',
    '--norc',
    '-c',
    `eval "$(cat)"; COMP_WORDS=(${line} ''); COMP_CWORD=$((\${#COMP_WORDS[@]} - 1)); _sidekey; printf '%s\\n' "\${COMPREPLY[@]}"`,
  ],
  // zsh completes on a terminal only: loading the script and asking its function is what can be had without one.
  zsh: (line: string) => [
    'zsh',
    '-f',
    '-c',
    `eval "$(cat)" || exit 9; [[ \${_comps[sidekey]} == *_sidekey* ]] || exit 8; setopt ksharrays shwordsplit
     compgen() { print -l -- \${=2} }; COMP_WORDS=(${line} ''); COMP_CWORD=$((\${#COMP_WORDS[@]} - 1)); _sidekey; print -l -- "\${COMPREPLY[@]}"`,
  ],
  fish: (line: string) => [
    'fish',
    '--no-config',
    '-c',
    `cat | source; complete -C '${line} '; complete -C '${line} --'`,
  ],
} as const;

type Shell = keyof typeof SHELLS;

function ask(shell: Shell, line: string, script: string): { status: number | null; words: string[]; stderr: string } {
  const [program = '', ...args] = SHELLS[shell](line);
  const { status, stdout, stderr } = spawnSync(program, args, { input: script, encoding: 'utf8', timeout: 60_000 });
  return { status, stderr, words: stdout.split('\n').map((word) => word.split('\t')[0] ?? '') };
}

function isThere(shell: Shell): boolean {
  return spawnSync(shell, ['--version']).status === 0;
}

/** What is offered behind a line, among others. */
const OFFERS: [line: string, wanted: string[]][] = [
  ['sidekey', ['apply', 'explain', 'verify-log', 'run', 'redirect']],
  ['sidekey apply', ['--dry-run', '--prune', '--help']],
  ['sidekey redirect', ['install', 'remove', 'check']],
  ['sidekey revoke', ['workload', 'session', '--lift']],
  ['sidekey get', ['AccessPolicy', 'sessions', '--output']],
  ['sidekey delete', ['ServerWorkload', '--output']],
  ['sidekey get -o', ['table', 'json', 'yaml']],
  ['sidekey logs --output', ['json']],
];

describe('completion, loaded by the shell itself', () => {
  it.skipIf(!isThere('bash')).each(OFFERS)('bash: %s', async (line, wanted) => {
    const { words, stderr } = ask('bash', line, await formatCompletion('bash'));
    expect(stderr).toBe('');
    expect(words).toEqual(expect.arrayContaining(wanted));
  });

  it.skipIf(!isThere('bash')).each(['sidekey apply -f', 'sidekey proxy --control-plane-ca'])(
    'bash: leaves %s to the shell, which offers files',
    async (line) => {
      expect(ask('bash', line, await formatCompletion('bash')).words.filter((word) => word !== '')).toEqual([]);
    },
  );

  it.skipIf(!isThere('fish'))('fish: offers formats and nothing else where a format is wanted', async () => {
    const { words } = ask('fish', 'sidekey get -o', await formatCompletion('fish'));
    expect(words).not.toContain('AccessPolicy');
  });

  it.skipIf(!isThere('zsh'))('zsh: takes the script and knows the command by it', async () => {
    const { status, stderr, words } = ask('zsh', 'sidekey apply', await formatCompletion('zsh'));
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(words).toEqual(expect.arrayContaining(['--dry-run', '--prune']));
    const format = ask('zsh', 'sidekey get -o', await formatCompletion('zsh'));
    expect(format.words).toEqual(expect.arrayContaining(['table', 'json', 'yaml']));
  });

  it.skipIf(!isThere('fish')).each(OFFERS)('fish: %s', async (line, wanted) => {
    const { words, stderr } = ask('fish', line, await formatCompletion('fish'));
    expect(stderr).toBe('');
    expect(words).toEqual(expect.arrayContaining(wanted));
  });
});

describe('help', () => {
  it.each(Object.entries(COMMANDS))('of %s has an example, and so have its sub-commands', async (name, entry) => {
    const command = new Command(name);
    (await entry.load()).define(command);
    for (const one of [command, ...command.commands]) {
      let text = '';
      one.configureOutput({ writeOut: (part) => (text += part) }).outputHelp();
      expect(text).toMatch(/Examples?:\n {2}\S*.*sidekey /);
    }
  });
});
