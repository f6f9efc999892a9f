#!/usr/bin/env node
import { Command, CommanderError } from 'commander';
import { describeError, isSidekeyError, isUsageError } from '../common/errors.ts';
import { CommandFailed, EXIT_CODE_HELP, EXIT_CODES } from './exit-codes.ts';
import { paint, printable } from './paint.ts';
import { COMMANDS } from './commands.ts';
import { findMisspellings } from './variables.ts';
import { VERSION } from '../common/version.ts';

/** Builds the program; only the command that is asked for is loaded, the others are named. */
async function buildProgram(requested: string | undefined): Promise<Command> {
  const program = new Command('sidekey')
    .description('Lets an AI agent call APIs without ever holding a credential.')
    .version(VERSION, '-V, --version')
    .enablePositionalOptions()
    // Options with long names have little more than that beside them on a terminal of 80 columns.
    .configureHelp({ minWidthToWrap: 30 })
    .showHelpAfterError('(add --help for usage)')
    .exitOverride()
    .addHelpText('after', EXIT_CODE_HELP)
    .addHelpText(
      'after',
      '\nExamples:\n  sidekey dev\n  sidekey run -- python3 agent.py\n  sidekey explain --workload agent --url https://api.example.com/v1/items',
    );
  for (const [name, entry] of Object.entries(COMMANDS)) {
    const command = program.command(name).summary(entry.summary).description(entry.summary).exitOverride();
    if (name === requested) (await entry.load()).define(command);
  }
  return program;
}

/** The first word that is not an option names the command; `help NAME` asks for NAME. */
function requestedCommand(args: readonly string[]): string | undefined {
  const words = args.filter((word) => !word.startsWith('-'));
  return words[0] === 'help' ? words[1] : words[0];
}

/**
 * For `help NAME` of no command, commander shows the general help; of `NAME` it says that there is none, and what was meant.
 * `help help` means the general help.
 */
function nameWrongHelp(args: readonly string[]): readonly string[] {
  const [first, name] = args;
  if (first !== 'help' || name === undefined || name.startsWith('-') || Object.hasOwn(COMMANDS, name)) return args;
  return [name];
}

function exitCodeOf(error: unknown): number {
  if (error instanceof CommandFailed) return error.exitCode;
  if (isUsageError(error)) return EXIT_CODES.usage;
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT_CODES.ok : EXIT_CODES.usage;
  return EXIT_CODES.failed;
}

/** A library that connects without a word about it would trust anybody, a database's driver for one. */
function insistOnVerification(): void {
  const name = 'NODE_TLS_REJECT_UNAUTHORIZED';
  if (process.env[name] === '0') {
    console.error(`${paint('yellow', 'sidekey:', process.stderr)} ${name}=0 is not heeded: give authorities to trust`);
  }
  delete process.env[name];
}

async function main(): Promise<void> {
  for (const { name, meant } of findMisspellings(Object.keys(process.env))) {
    console.error(
      `${paint('yellow', 'sidekey:', process.stderr)} nothing reads ${printable(name)}; did you mean ${meant}?`,
    );
  }
  insistOnVerification();
  try {
    const program = await buildProgram(requestedCommand(process.argv.slice(2)));
    await program.parseAsync(nameWrongHelp(process.argv.slice(2)), { from: 'user' });
  } catch (error) {
    process.exitCode = exitCodeOf(error);
    // commander has printed its own message.
    if (!(error instanceof CommanderError)) printError(error);
    // What was started before the failure must not keep the process alive.
    process.stdout.write('', () => process.exit());
  }
}

function printError(error: unknown): void {
  const message = error instanceof Error ? error.message : String(error);
  if (message === '') return;
  const cause = error instanceof Error && error.cause !== undefined ? `: ${describeError(error.cause)}` : '';
  const code = isSidekeyError(error) && !(error instanceof CommandFailed) ? ` (${error.code})` : '';
  // Errors of resources have a line each.
  const lines = `${message}${cause}${code}`.split('\n').map(printable);
  console.error(`${paint('red', 'sidekey:', process.stderr)} ${lines.join('\n')}`);
}

// SIGUSR1 would open Node's inspector, through which every secret of this process can be read.
process.on('SIGUSR1', () => {});

// A closed pipe (`sidekey logs | head`) is not a fault.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(EXIT_CODES.ok);
  printError(new CommandFailed(EXIT_CODES.failed, 'cannot write the output', { cause: error }));
  process.exit(EXIT_CODES.failed);
});

// Nobody reads what is said any more, or the disk it goes to is full: the next line is tried all the same.
process.stderr.on('error', () => {});

await main();
