import { Argument, Command } from 'commander';
import { COMMANDS } from '../commands.ts';

const SHELLS = ['bash', 'zsh', 'fish'] as const;

export function define(command: Command): void {
  command
    .addArgument(new Argument('<shell>', 'shell').choices(SHELLS))
    .addHelpText(
      'after',
      '\nExamples:\n  source <(sidekey completion bash)\n  source <(sidekey completion zsh)\n  sidekey completion fish > ~/.config/fish/completions/sidekey.fish',
    )
    .action(async (shell: (typeof SHELLS)[number]) => {
      console.log(await formatCompletion(shell));
    });
}

/** The script for one shell: command names first, then each command's sub-commands, choices and long options. */
export async function formatCompletion(shell: (typeof SHELLS)[number]): Promise<string> {
  const options = await readWords();
  switch (shell) {
    case 'bash':
      return formatBash(options);
    case 'zsh':
      return `autoload -U +X compinit && compinit\nautoload -U +X bashcompinit && bashcompinit\n${formatBash(options)}`;
    case 'fish':
      return formatFish(options);
    default:
      return shell satisfies never;
  }
}

async function readWords(): Promise<Map<string, string[]>> {
  const found = new Map<string, string[]>();
  for (const [name, entry] of Object.entries(COMMANDS)) {
    const command = new Command(name);
    (await entry.load()).define(command);
    found.set(name, [
      ...command.commands.map((inner) => inner.name()),
      ...(command.registeredArguments[0]?.argChoices ?? []),
      ...command.options.flatMap((option) => option.long ?? []),
      '--help',
    ]);
  }
  return found;
}

function formatBash(options: Map<string, string[]>): string {
  const cases = [...options].map(([name, flags]) => `    ${name}) words="${flags.join(' ')}" ;;`);
  return [
    '_sidekey() {',
    '  local words current="${COMP_WORDS[COMP_CWORD]}"',
    '  case "${COMP_WORDS[1]}" in',
    ...cases,
    `    *) words="${[...options.keys()].join(' ')} --help --version" ;;`,
    '  esac',
    `  if [ "$COMP_CWORD" -eq 1 ]; then words="${[...options.keys()].join(' ')} --help --version"; fi`,
    '  COMPREPLY=($(compgen -W "$words" -- "$current"))',
    '}',
    'complete -o default -F _sidekey sidekey',
  ].join('\n');
}

function formatFish(options: Map<string, string[]>): string {
  const lines = [...options].flatMap(([name, flags]) => [
    `complete -c sidekey -n __fish_use_subcommand -f -a ${name} -d ${quoteForFish(COMMANDS[name]?.summary ?? '')}`,
    ...flags.map((word) => {
      const what = word.startsWith('--') ? `-l ${word.slice(2)}` : `-a ${word}`;
      return `complete -c sidekey -n '__fish_seen_subcommand_from ${name}' ${what}`;
    }),
  ]);
  return lines.join('\n');
}

/** Within single quotes fish knows two escapes: of the quote and of the backslash. */
function quoteForFish(text: string): string {
  return `'${text.replaceAll(/['\\]/g, '\\$&')}'`;
}
