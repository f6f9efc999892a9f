import { Argument, Command } from 'commander';
import { COMMANDS } from '../commands.ts';

const SHELLS = ['bash', 'zsh', 'fish'] as const;

export function define(command: Command): void {
  command
    .addArgument(new Argument('<shell>', 'shell').choices(SHELLS))
    .addHelpText(
      'after',
      '\nExamples:\n  source <(sidekey completion bash)\n  sidekey completion fish > ~/.config/fish/completions/sidekey.fish',
    )
    .action(async (shell: (typeof SHELLS)[number]) => {
      console.log(await formatCompletion(shell));
    });
}

/** The script for one shell: command names first, then each command's long options. */
export async function formatCompletion(shell: (typeof SHELLS)[number]): Promise<string> {
  const options = await readOptions();
  switch (shell) {
    case 'bash':
      return formatBash(options);
    case 'zsh':
      return `autoload -U +X bashcompinit && bashcompinit\n${formatBash(options)}`;
    case 'fish':
      return formatFish(options);
    default:
      return shell satisfies never;
  }
}

async function readOptions(): Promise<Map<string, string[]>> {
  const found = new Map<string, string[]>();
  for (const [name, entry] of Object.entries(COMMANDS)) {
    const command = new Command(name);
    (await entry.load()).define(command);
    found.set(name, [...command.options.flatMap((option) => option.long ?? []), '--help']);
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
    `complete -c sidekey -n __fish_use_subcommand -f -a ${name} -d '${COMMANDS[name]?.summary ?? ''}'`,
    ...flags.map((flag) => `complete -c sidekey -n '__fish_seen_subcommand_from ${name}' -l ${flag.slice(2)}`),
  ]);
  return lines.join('\n');
}
