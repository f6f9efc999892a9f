import { Argument, Command, type Option } from 'commander';
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

/** What a shell offers after a command's name. */
interface Offer {
  /** Sub-commands, and choices of the first argument. */
  readonly words: readonly string[];
  /** Help is not among them. */
  readonly options: readonly Option[];
}

/** The script for one shell: command names first, then what each command offers. */
export async function formatCompletion(shell: (typeof SHELLS)[number]): Promise<string> {
  const offers = await readOffers();
  switch (shell) {
    case 'bash':
      return formatBash(offers);
    case 'zsh':
      return `autoload -U +X compinit && compinit\nautoload -U +X bashcompinit && bashcompinit\n${formatBash(offers)}`;
    case 'fish':
      return formatFish(offers);
    default:
      return shell satisfies never;
  }
}

async function readOffers(): Promise<ReadonlyMap<string, Offer>> {
  const found = new Map<string, Offer>();
  for (const [name, entry] of Object.entries(COMMANDS)) {
    const command = new Command(name);
    (await entry.load()).define(command);
    const { commands, options, registeredArguments } = command;
    found.set(name, {
      words: [...commands.map((inner) => inner.name()), ...(registeredArguments[0]?.argChoices ?? [])],
      options,
    });
  }
  return found;
}

const longOf = ({ long }: Option): string[] => (long === undefined ? [] : [long]);
const takesValue = ({ required, optional }: Option): boolean => required || optional;

function formatBash(offers: ReadonlyMap<string, Offer>): string {
  const names = `${[...offers.keys()].join(' ')} --help --version`;
  const words = [...offers].map(([name, offer]) => {
    const all = [...offer.words, ...offer.options.flatMap(longOf), '--help'];
    return `    ${name}) words="${all.join(' ')}" ;;`;
  });
  // After an option that takes a value: its choices, or nothing, and then the shell offers files.
  const values = [...offers].flatMap(([name, { options }]) =>
    options.filter(takesValue).map(({ short, long, argChoices = [] }) => {
      const places = [short, long].filter((flag) => flag !== undefined).map((flag) => `'${name} ${flag}'`);
      return `    ${places.join(' | ')}) words="${argChoices.join(' ')}" ;;`;
    }),
  );
  return [
    '_sidekey() {',
    '  local words current="${COMP_WORDS[COMP_CWORD]}" before="${COMP_WORDS[COMP_CWORD-1]}"',
    '  case "${COMP_WORDS[1]}" in',
    ...words,
    `    *) words="${names}" ;;`,
    '  esac',
    '  case "${COMP_WORDS[1]} $before" in',
    ...values,
    '  esac',
    `  if [ "$COMP_CWORD" -eq 1 ]; then words="${names}"; fi`,
    '  COMPREPLY=($(compgen -W "$words" -- "$current"))',
    '}',
    'complete -o default -F _sidekey sidekey',
  ].join('\n');
}

function formatFish(offers: ReadonlyMap<string, Offer>): string {
  const lines = [...offers].flatMap(([name, { words, options }]) => {
    const inCommand = `complete -c sidekey -n '__fish_seen_subcommand_from ${name}'`;
    return [
      `complete -c sidekey -n __fish_use_subcommand -f -a ${name} -d ${quoteForFish(COMMANDS[name]?.summary ?? '')}`,
      ...words.map((word) => `${inCommand} -a ${word}`),
      ...options.map((option) => `${inCommand} ${formatFishOption(option)}`),
      `${inCommand} -l help`,
    ];
  });
  return lines.join('\n');
}

/** `-r`: takes a value; `-f`: which is no file. */
function formatFishOption(option: Option): string {
  const { short, long, argChoices } = option;
  const flags = [
    short === undefined ? [] : ['-s', short.slice(1)],
    long === undefined ? [] : ['-l', long.slice(2)],
  ].flat();
  const value = !takesValue(option)
    ? []
    : argChoices === undefined
      ? ['-r']
      : ['-r', '-f', '-a', `'${argChoices.join(' ')}'`];
  return [...flags, ...value].join(' ');
}

/** Within single quotes fish knows two escapes: of the quote and of the backslash. */
function quoteForFish(text: string): string {
  return `'${text.replaceAll(/['\\]/g, '\\$&')}'`;
}
